/* The sink (station/sink.h) that is DynamoDB: the tables that all stations share. packaging/aws/ makes them.
 *
 * registration  key device. The seven fields as the first-boot system reads them (strings; version and connections are
 *               numbers), and ours beside them: keyline_imei, keyline_station, keyline_run, keyline_queued.
 * records       key imei, entry: "PASS#2026-11-21T08:15:02.123456Z#RECORD-ID". So a row that is sent again is the same
 *               item, and one Query tells a unit's last PASS.
 * counters      key sequence (an id pattern without its width, "FX30-%u"); last: the highest number that any station
 * has leased. firmware      key device: the name of the software.
 */
#pragma once

#include "station/config.h"
#include "station/net/aws.h"
#include "station/sink.h"

G_BEGIN_DECLS

/* aws is borrowed and has to live longer; tables and the station's name are copied. Asks nobody anything yet.
 *
 * put           A registration row is put where there is none. One that is there counts as sent when it is of the same
 *               run, or of the same unit: then policy, firmware and parameters become the row's, as long as first boot
 *               has not begun ("registered" is "false") and nothing newer is there. Once it has, the row stays as it
 * is: CLOUD_CONFLICT when ours says otherwise. A row of a unit that is provisioned anew ("reset": true in the body)
 * begins anew in any case, once for its run: "registered", version and connections, too, and without what first boot
 * has kept beside it. DUPLICATE_DEVICE: it is another unit's, or nobody knows whose. ROW_REFUSED: DynamoDB takes any
 * row but this one. Clean-up is not for tables: INTERNAL. passed_elsewhere by the unit's newest PASS in the records
 * table, whichever station's: where that is this station's own, no other has the last word on the unit, and *passed is
 * NULL. lease         each call that may have been obeyed moves the counter, so a lost answer (CLOUD_IN_DOUBT) loses
 * its block, and no block is ever had twice. IDS_EXHAUSTED at the end of all numbers. has_firmware  without a firmware
 * table: always found. */
KlSink *kl_sink_dynamodb_new(KlAws *aws, const KlAwsSection *tables, const char *station);

G_END_DECLS
