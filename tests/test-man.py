#!/usr/bin/env python3
"""Every command has a man page that says what its --help says and that man takes without a warning, and a completion that
the program agrees with. test-man.py SOURCE-ROOT MAN1 MAN5 COMPLETIONS PROGRAM... (keyline first)"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ENVIRONMENT = {**{k: v for k, v in os.environ.items() if k not in ('LANGUAGE', 'KEYLINE_STATION', 'MANOPT')},
               'LC_ALL': 'C.UTF-8', 'MANWIDTH': '300'}
root, man1, man5, completions, *program_paths = map(Path, sys.argv[1:])
programs = {path.name: str(path) for path in program_paths}
tests = failures = 0


def report(name, wrong):
    global tests, failures
    tests += 1
    failures += bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} {tests} - {name}")
    for line in wrong:
        print('# ' + line.replace('\n', '\n# '))


def run(words, **more):
    return subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, **more)


def keyline(*words):
    return run([programs['keyline'], '--station', '/nonexistent', *words])


def told_commands(words=()):
    """The commands that keyline itself knows: it names them all when it refuses one."""
    refusal = re.search(r"there is no command 'no-such'; there are: (.*)", keyline(*words, 'no-such').stderr)
    return refusal[1].split(', ') if refusal else []


def source_commands():
    """The commands that the sources know."""
    text = ''.join(path.read_text() for path in (root / 'station' / 'cli').glob('cmd_*.c'))
    return set(re.findall(r'kl_cli_(?:parse|run_group)\(cli,\s*"(keyline [a-z -]+)"', text))


def flat(text):
    return ' '.join(text.replace('…', '...').split())


def help_of(command):
    words = command.split()
    return run([programs[words[0]], *words[1:], '--help']).stdout


def pieces(help_text):
    """What a page has to say of a --help: its columns, each for itself, in whatever form."""
    for line in help_text.splitlines():
        for piece in re.split(r'\s{2,}|, (?=--)|^Usage: | - ', line):
            if piece and not re.fullmatch(r'Usage:|(Help|Application) Options:', piece):
                yield flat(piece)


def check_page(command):
    page = man1 / (command.replace(' ', '-') + '.1')
    if not page.exists():
        return f'{command}: has no page'
    shown = run(['man', '--warnings', '-E', 'UTF-8', '--no-hyphenation', '--no-justification', '-l', page])
    if shown.returncode or shown.stderr:
        return f'{page.name}: {shown.stderr}'
    text = flat(shown.stdout).lower()
    group = {word: f'{command} {word}'.replace(' ', '-') + '(1)' for word in subcommands(command)}
    missing = [piece for piece in pieces(help_of(command))
               if piece.lower() not in text and group.get(piece, piece).lower() not in text]
    return f'{page.name} does not say: {missing}' if missing else ''


def check_name(page):
    known = run(['lexgrog', page])
    return '' if known.returncode == 0 and ' - ' in known.stdout else f'{page.name}: {known.stdout}{known.stderr}'


def subcommands(command):
    return [other.split()[-1] for other in commands if other.rsplit(' ', 1)[0] == command and other != command]


def complete(lines):
    """What the completion offers at the end of each line, by bash."""
    script = '''
        while IFS= read -r line; do
            read -ra COMP_WORDS <<<"${line//=/ = }"
            [[ $line != *[\\ =] ]] || COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
            source "$0/${COMP_WORDS[0]}"
            "_${COMP_WORDS[0]//-/_}"
            echo "${COMPREPLY[*]}"
        done'''
    done = run(['bash', '-c', 'set -u\n' + script, completions], input='\n'.join(lines) + '\n')
    assert not done.stderr, done.stderr
    return [line.split() for line in done.stdout.split('\n')[:-1]]


def check_option(command, option):
    """Whether the program takes it: of two unknown options it would refuse the first."""
    words = command.split()
    takes_value = complete_values(words, option)
    done = run([programs[words[0]], *words[1:], f'--{option}=1' if takes_value else f'--{option}', '--no-such'])
    return '' if '--no-such' in done.stderr else f'{command} --{option}: {done.stderr or "is taken, and --no-such as well"}'


def complete_values(words, option):
    text = (completions / words[0]).read_text()
    case = re.search(rf"^    '?{' '.join(words)}'?\)\n.*\n.*\n        values='(.*)'$", text, re.M)
    return case and f'--{option}:' in case[1]


top = told_commands()
commands = {'keyline'} | {f'keyline {name}' for name in top}
commands |= {f'keyline {name} {child}' for name in top for child in told_commands([name])} | source_commands()
commands |= set(programs)

pages = {page.name for page in man1.iterdir()}
report('every page is a command\'s', sorted(pages - {c.replace(' ', '-') + '.1' for c in commands}))
with ThreadPoolExecutor(2) as pool:
    report('every command has a page, with all that --help says, which man takes without a warning',
           [wrong for wrong in pool.map(check_page, sorted(commands)) if wrong])
    report('every page has a name to be found by',
           [wrong for wrong in pool.map(check_name, [*man1.iterdir(), *man5.iterdir()]) if wrong])

wrong = []
for page, template in {'station.conf.5': 'station.conf', 'product.conf.5': 'fx30s.conf'}.items():
    shown = run(['man', '--warnings', '-E', 'UTF-8', '--no-hyphenation', '--no-justification', '-l', man5 / page])
    wrong += [f'{page}: {shown.stderr}'] if shown.returncode or shown.stderr else []
    text = flat(shown.stdout)
    settings = re.findall(r'^(#?[a-z-]+=.*|#?\[.*)$', keyline('setup', '--print', template).stdout, re.M)
    assert len(settings) > 10
    wrong += [f'{page} does not say {s}' for s in settings if flat(s.lstrip('#') if s[-1] == ']' else s) not in text]
report('the pages of the configuration files have all that setup writes', wrong)

groups = sorted(c for c in commands if subcommands(c))
report('bash offers exactly the commands that there are',
       [f'{group}: {offered}' for group, offered in zip(groups, complete([group + ' ' for group in groups]))
        if set(offered) != set(subcommands(group))])

offered = dict(zip(sorted(commands), complete([c + ' --' for c in sorted(commands)])))
# keyline-station would first look for a display.
told = [(c, o[2:]) for c, options in offered.items() if not c.startswith('keyline-station') for o in options]
with ThreadPoolExecutor(2) as pool:
    report('every option that bash offers is one', [wrong for wrong in pool.map(
        lambda one: check_option(*one), [one for one in told if one[1] not in ('help', 'help-all', 'version')]) if wrong])
text = ''.join(path.read_text() for path in (root / 'station' / 'cli').glob('*.[ch]'))
known = set(re.findall(r'"([a-z-]+)",\s*(?:0|\'.\'),\s*0,\s*G_OPTION_ARG_', text))
assert len(known) > 30
report('bash offers every option of the sources', sorted(known - {option for _, option in told}))

choices = {'keyline --output ': ['table', 'json'], 'keyline slots --output=': ['table', 'json'],
           'keyline slots -o j': ['json'], 'keyline --output json ca sh': ['show'], 'keyline --output=json ca sh': ['show'],
           'keyline --station ca ca sh': ['show'], 'keyline-sim --speed ': ['real', 'fast'],
           'keyline batch --cou': ['--count'], f'keyline --station {root}/stat': [f'{root}/station'],
           f'keyline setup --line={root}/READ': [f'{root}/README.md']}
report('bash offers values', [f'{line}: {got}' for (line, expected), got in zip(choices.items(), complete(choices))
                              if got != expected])
print(f'1..{tests}')
sys.exit(failures > 0)
