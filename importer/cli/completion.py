"""Completion of the command line by a shell: a script for each of bash, zsh and fish.

The scripts hold all that is completed, so that no key starts Python.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from importer.cli.declared import Command, DeclaredOption
from importer.cli.help_page import OTHER_OPTIONS
from importer.errors import UsageError
from importer.text import PROGRAM, nearest

_HELP: Final = "Show the help and exit."
_FUNCTION: Final = f"_{PROGRAM.replace('-', '_')}"
_SHELL_OPTIONS: Final = ("--install-completion", "--show-completion")


def check_shell(typed: str | None, option: str) -> str:
    """Return the shell to complete for: the one that was typed, else that of ``$SHELL``.

    Args:
        typed: What stands behind the option; None for nothing.
        option: The option, for the error.

    Raises:
        UsageError: It is none that is known.
    """
    names = list(_SCRIPTS)
    shell = Path(os.environ.get("SHELL", "")).name if typed is None else typed
    if shell in names:
        return shell
    if typed is None:
        raise UsageError(
            f"{option}: $SHELL names none of {', '.join(names)}", f"Say which: {PROGRAM} {option} bash"
        )
    raise UsageError(
        f"{option} {typed}: unknown shell{nearest(typed, names)}", f"Choose from {', '.join(names)}."
    )


def completion_script(shell: str, commands: Sequence[Command]) -> str:
    """Return the script that makes a shell complete the command line.

    Args:
        shell: ``bash``, ``zsh`` or ``fish``.
        commands: All commands.
    """
    lines = [f"# Completion of {PROGRAM} for {shell}; {PROGRAM} --show-completion {shell} made it."]
    return "\n".join([*lines, *_SCRIPTS[shell](commands)]) + "\n"


def _names_by_takes(commands: Iterable[Command], takes: str) -> list[str]:
    return [each.name for each in commands if each.argument and each.argument[1].takes == takes]


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].partition("; ")[0].removesuffix(".").partition(" [")[0]


# ── bash ─────────────────────────────────────────────────────────────────────────────────────────


def _bash(commands: Sequence[Command]) -> Iterator[str]:
    """Yield the lines for bash, of any version from 3.2, which macOS has."""
    options = {flag: each for command in commands for each in command.options() for flag in each.flags}
    yield _BASH_BEGIN.replace("FUNCTION", _FUNCTION)
    yield '    case "$option" in'
    for values, flags in _by_values(options).items():
        yield f"        {'|'.join(flags)}) {values} ;;"
    yield "    esac"
    yield '    case "$command" in'
    for command in commands:
        flags = [flag for each in command.options() for flag in each.flags]
        yield f"        {command.name}) flags='{' '.join([*flags, '-h', '--help'])}' ;;"
    others = [label.split()[0] for label, _ in OTHER_OPTIONS]
    yield f"        '') flags='{' '.join([*others, '-h', '--help'])}' ;;"
    yield "    esac"
    names = " ".join(command.name for command in commands)
    yield (
        _BASH_END.replace("FUNCTION", _FUNCTION)
        .replace("PROGRAM", PROGRAM)
        .replace("COMMANDS", names)
        .replace("FILES", "|".join(_names_by_takes(commands, "file")))
        .replace("SHELLS", " ".join(_SCRIPTS))
    )


def _by_values(options: Mapping[str, DeclaredOption]) -> dict[str, list[str]]:
    """Return what completes a value, in bash, with the options that take such values."""
    found: dict[str, list[str]] = {}
    for flag, option in options.items():
        if option.type is bool:
            continue
        words = [value for value in option.values if not value.startswith("=")]
        behind = [value.removeprefix("=") for value in option.values if value.startswith("=")]
        if option.type is Path:
            action = "files=1"
        else:
            action = f"words='{' '.join(words)}' behind='{' '.join(behind)}' takes=1"
        found.setdefault(action, []).append(flag)
    return found


_BASH_BEGIN: Final = r"""FUNCTION() {
    local current="${COMP_WORDS[COMP_CWORD]}" option='' name='' command='' flags=''
    local words='' behind='' files='' takes='' i IFS=$' \t\n'
    COMPREPLY=()
    # Bash takes = for a word of its own: --region=eu is three words.
    i=$((COMP_CWORD - 1))
    [ "$current" = '=' ] && { current=''; i=$((i + 1)); }
    option="${COMP_WORDS[i]}"
    if [ "$option" = '=' ]; then
        case "${COMP_WORDS[i-1]}" in
            -*) option="${COMP_WORDS[i-1]}" ;;
            *) option="${COMP_WORDS[i-2]}"; name="${COMP_WORDS[i-1]}" ;;
        esac
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i]}" in
            -*) ;;
            *) command="${COMP_WORDS[i]}"; break ;;
        esac
    done"""

_BASH_END: Final = r"""    case "${COMP_WORDS[1]}" in
        --install-completion|--show-completion) [ "$COMP_CWORD" -gt 1 ] && words='SHELLS' takes=1 ;;
    esac
    if [ -n "$takes" ]; then
        [ -n "$name" ] && words="$behind"
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        case "${COMPREPLY[0]}" in *=) compopt -o nospace 2>/dev/null ;; esac
        return
    fi
    if [ -z "$files" ]; then
        case "$current" in
            -*) COMPREPLY=($(compgen -W "$flags" -- "$current")); return ;;
        esac
        case "$command" in
            ''|help) COMPREPLY=($(compgen -W 'COMMANDS' -- "$current")); return ;;
            FILES) ;;
            *) COMPREPLY=($(compgen -W "$flags" -- "$current")); return ;;
        esac
    fi
    IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
}
complete -F FUNCTION PROGRAM"""


# ── zsh ──────────────────────────────────────────────────────────────────────────────────────────


def _zsh(commands: Sequence[Command]) -> Iterator[str]:
    yield f"#compdef {PROGRAM}"
    yield f"{_FUNCTION}() {{"
    yield '    local curcontext="$curcontext" context state line'
    yield "    typeset -A opt_args"
    shells = f"::shell:({' '.join(_SCRIPTS)})"
    yield "    _arguments -C \\"
    for name, text in OTHER_OPTIONS:
        flag = name.split()[0]
        value = shells if flag in _SHELL_OPTIONS else ""
        yield f"        {_single_quoted(f'(- *){flag}[{_zsh_text(_first_sentence(text))}]{value}')} \\"
    yield f"        '(- *)'{{-h,--help}}{_single_quoted(f'[{_HELP}]')} \\"
    yield "        '1: :->command' '*:: :->words'"
    yield '    case "$state" in'
    yield "        command)"
    yield "            local -a commands=("
    for command in commands:
        name = f"{command.name}:{_zsh_text(_first_sentence(command.paragraphs[0]))}"
        yield f"                {_single_quoted(name)}"
    yield "            )"
    yield "            _describe command commands ;;"
    yield "        words)"
    yield '            case "${line[1]}" in'
    for command in commands:
        yield f"                {command.name})"
        yield "                    _arguments -s -S \\"
        yield from (f"                        {_zsh_option(option)} \\" for option in command.options())
        yield f"                        '(- *)'{{-h,--help}}{_single_quoted(f'[{_HELP}]')} \\"
        yield f"                        {_zsh_argument(command, commands)} ;;"
    yield "            esac ;;"
    yield "    esac"
    yield "}"
    yield 'if [[ "${zsh_eval_context[-1]}" == loadautofunc ]]; then'
    yield f'    {_FUNCTION} "$@"'
    yield "else"
    yield "    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }"
    yield f"    compdef {_FUNCTION} {PROGRAM}"
    yield "fi"


def _zsh_option(option: DeclaredOption) -> str:
    *short, long = option.flags
    text = _single_quoted(f"[{_zsh_text(_first_sentence(option.declared.help))}]")
    if option.type is bool:
        if short:
            return f"'({short[0]} {long})'{{{short[0]},{long}}}{text}"
        return _single_quoted(f"{long}[{_zsh_text(_first_sentence(option.declared.help))}]")
    if option.type is Path:
        action = "_files"
    elif option.values and option.values[0].startswith("="):
        words = " ".join(value.removeprefix("=") for value in option.values)
        action = f'{{compset -P "*=" && compadd - {words}}}'
    elif option.values and option.values[0].endswith("="):
        action = f'{{compset -P "*=" || compadd -S "" - {" ".join(option.values)}}}'
    else:
        action = f"({' '.join(option.values)})" if option.values else " "
    repeated = "*" if option.is_list else ""
    value = _single_quoted(f":{_zsh_text(option.metavar)}:{action}")
    return f"{_single_quoted(f'{repeated}{long}=')}{text}{value}"


def _zsh_argument(command: Command, commands: Sequence[Command]) -> str:
    if command.argument is None:
        return "&& return"
    argument = command.argument[1]
    action = {"file": "_files", "text": " ", "command": f"({' '.join(each.name for each in commands)})"}
    place = "*" if argument.several else "1"
    return _single_quoted(f"{place}:{_zsh_text(argument.metavar)}:{action[argument.takes]}")


def _zsh_text(text: str) -> str:
    """Return a text for a specification of ``_arguments``."""
    return "".join(f"\\{c}" if c in "\\:[]" else c for c in text)


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# ── fish ─────────────────────────────────────────────────────────────────────────────────────────


def _fish(commands: Sequence[Command]) -> Iterator[str]:
    yield f"function _{_FUNCTION}_behind"
    yield "    set -l typed (commandline -ct)"
    yield "    string match -q '*=*' -- $typed; or return"
    yield "    printf '%s\\n' (string replace -r '=.*' '' -- $typed)={$argv}"
    yield "end"
    first = f"complete -c {PROGRAM} -n __fish_use_subcommand"
    yield f"complete -c {PROGRAM} -f"
    yield f"complete -c {PROGRAM} -s h -l help -d {_fish_quoted(_HELP)}"
    for label, text in OTHER_OPTIONS:
        flag = label.split()[0]
        shells = f" -x -a '{' '.join(_SCRIPTS)}'" if flag in _SHELL_OPTIONS else ""
        yield f"{first} -l {flag.removeprefix('--')}{shells} -d {_fish_quoted(_first_sentence(text))}"
    for command in commands:
        yield f"{first} -a {command.name} -d {_fish_quoted(_first_sentence(command.paragraphs[0]))}"
    names = " ".join(command.name for command in commands)
    for command in commands:
        where = f"complete -c {PROGRAM} -n '__fish_seen_subcommand_from {command.name}'"
        if command.argument and command.argument[1].takes == "file":
            yield f"{where} -F"
        elif command.argument and command.argument[1].takes == "command":
            yield f"{where} -a '{names}'"
        for option in command.options():
            short = f" -s {option.declared.short[1:]}" if option.declared.short else ""
            text = _fish_quoted(_first_sentence(option.declared.help))
            yield f"{where}{short} -l {option.flags[-1].removeprefix('--')}{_fish_value(option)} -d {text}"


def _fish_value(option: DeclaredOption) -> str:
    if option.type is bool:
        return ""
    if option.type is Path:
        return " -r -F"
    if option.values and option.values[0].startswith("="):
        words = " ".join(value.removeprefix("=") for value in option.values)
        return f" -x -a '(_{_FUNCTION}_behind {words})'"
    return f" -x -a {_fish_quoted(' '.join(option.values))}" if option.values else " -x"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPTS: Final[Mapping[str, Callable[[Sequence[Command]], Iterator[str]]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
