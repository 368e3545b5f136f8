"""Prints what makes a shell complete the commands of `jaxcls`, their flags and the names of recipes.

eval "$(jaxcls completion bash)"     # a line for ~/.bashrc
eval "$(jaxcls completion zsh)"      # a line for ~/.zshrc, after compinit
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

from jaxcls.shipped import recipes
from jaxcls.tools.command_line import CommandLine, start
from jaxcls.tools.commands import NAMES, options

# bash ends a word at "=" and ":", so that --config=resnet:cifar10 are five
_BASH = Template("""\
_jaxcls() {
    local word=$${COMP_WORDS[COMP_CWORD]} before=$${COMP_WORDS[COMP_CWORD-1]} flag= options=
    COMPREPLY=()
    if [ "$$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($$(compgen -W "$names" -- "$$word"))
        return
    fi
    case $${COMP_WORDS[1]} in
$cases
    esac
    if [ "$$word" = = ]; then flag=$$before word=
    elif [ "$$before" = = ]; then flag=$${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [ "$$flag" = --config ]; then
        COMPREPLY=($$(compgen -W "$recipes" -- "$$word") $$(compgen -f -- "$$word"))
    elif [ -z "$$flag" ] && [ "$${word#-}" != "$$word" ]; then
        COMPREPLY=($$(compgen -W "$$options" -- "$$word"))
        [ "$${COMPREPLY[0]%=}" = "$${COMPREPLY[0]}" ] || compopt -o nospace
    fi
}
complete -o default -F _jaxcls jaxcls
""")
_ZSH = Template("""\
_jaxcls() {
    local -a options
    if (( CURRENT == 2 )); then
        compadd -- $names
        return
    fi
    case $$words[2] in
$cases
    esac
    case $$PREFIX in
        --config=*) compset -P '*='; compadd -- $recipes; _files ;;
        --*=*) compset -P '*='; _files ;;
        -*) compadd -S '' -- $${(M)options:#*=}; compadd -- $${options:#*=} ;;
        *) _files ;;
    esac
}
compdef _jaxcls jaxcls
""")
_SHELLS = {"bash": (_BASH, '"{}"'), "zsh": (_ZSH, "({})")}


def script(shell: str) -> str:
    """What the shell is to evaluate."""
    template, words = _SHELLS[shell]
    cases = "\n".join(f"        {name}) options={words.format(' '.join(options(name)))} ;;" for name in NAMES)
    return template.substitute(names=" ".join(NAMES), cases=cases, recipes=" ".join(recipes()))


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "completion")
    line.add_argument("shell", choices=tuple(_SHELLS), help="whose it is")
    print(script(line.options(arguments)["shell"]), end="")


if __name__ == "__main__":
    start(main)
