"""What the programs say of themselves: their --help, read into commands, for the man pages and the completion."""
import os
import re
import subprocess
from dataclasses import dataclass, field

# Whatever the person who builds speaks.
ENVIRONMENT = {**{k: v for k, v in os.environ.items() if k not in ('LANGUAGE', 'KEYLINE_STATION')}, 'LC_ALL': 'C.UTF-8'}

OPTION = re.compile(r'  (?:-(?P<short>\w), )?--(?P<long>[\w-]+)(?:=(?P<value>\S+))?(?:\s+(?P<what>\S.*))?$')
COMMAND = re.compile(r'  (?P<name>[a-z][a-z-]*) +(?P<what>\S.*)$')
HEADING = re.compile(r'(?:Help|Application) Options:$')


@dataclass
class Option:
    long: str
    short: str | None
    value: str | None  # what it takes, as --help calls it
    what: str


@dataclass
class Command:
    words: list  # ['keyline', 'registry', 'list']
    summary: str
    synopsis: list = field(default_factory=list)
    paragraphs: list = field(default_factory=list)  # before options and commands, each a list of lines
    after: list = field(default_factory=list)  # after them
    options: list = field(default_factory=list)
    commands: list = field(default_factory=list)

    @property
    def page(self):
        return '-'.join(self.words)

    def all(self):
        yield self
        for command in self.commands:
            yield from command.all()


def ask(program, words):
    return subprocess.run([program, *words, '--help'], env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout


def blocks_of(text):
    """Runs of lines without an empty one between them."""
    return [block.split('\n') for block in re.split(r'\n{2,}', text.strip('\n'))]


def read_usage(command, lines):
    """Either 'Usage: A' and more below it, or 'Usage:' and 'A' below it. What stands behind ' - ' is the summary.
    Gives the lines that follow without an empty one between."""
    end = next((n for n, line in enumerate(lines) if n > 0 and not line.startswith(' ')), len(lines))
    for line in lines[:end]:
        usage, _, summary = line.removeprefix('Usage:').strip().partition(' - ')
        if usage:
            command.synopsis.append(usage.replace('…', '...'))
        command.summary = summary or command.summary
    return lines[end:]


def read_block(program, command, lines):
    options = [OPTION.match(line) for line in lines if not HEADING.match(line)]
    commands = [COMMAND.match(line) for line in lines]
    if options and all(options):
        command.options += [Option(m['long'], m['short'], m['value'], m['what'] or '') for m in options]
    elif all(commands):
        command.commands += [read(program, command.words + [m['name']], m['what']) for m in commands]
    elif command.options or command.commands:
        command.after.append(lines)
    else:
        command.paragraphs.append(lines)


def read_named_commands(program, command):
    """A command may work by itself and yet have commands; its description then says 'keyline slots teach learns ...'."""
    name = re.escape(' '.join(command.words))
    for lines in command.paragraphs:
        for line in lines:
            if found := re.match(name + r' ([a-z-]+) (.*?)\.?$', line):
                command.commands.append(read(program, command.words + [found[1]], found[2]))


def read(program, words, summary=''):
    command = Command(words, summary)
    usage, *blocks = blocks_of(ask(program, words[1:]))
    for block in [read_usage(command, usage), *blocks]:
        if block:
            read_block(program, command, block)
    read_named_commands(program, command)
    if not command.summary:
        first = command.paragraphs[0][0]
        command.summary = first[0].lower() + first[1:].rstrip('.')
    return command


def read_program(path):
    return read(path, [os.path.basename(path)])
