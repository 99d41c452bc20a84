// Starts dynalite on a free port of 127.0.0.1, prints the port, ends with its stdin.
'use strict'
const server = require('dynalite')({createTableMs: 20, deleteTableMs: 20, updateTableMs: 20})
// The gate keeps its connections as long as its clients keep theirs.
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
