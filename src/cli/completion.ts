/** `stylegan completion`: a script for the shell, from the table of commands itself, so that it cannot go stale. */
import { Argument, Command } from "commander";
import type { Terminal } from "./terminal.js";

const shells = ["bash", "zsh", "fish"] as const;

const examples = `
Examples:
  $ stylegan completion bash > ~/.local/share/bash-completion/completions/stylegan
  $ stylegan completion zsh  > "\${fpath[1]}/_stylegan"
  $ stylegan completion fish > ~/.config/fish/completions/stylegan.fish`;

export function completionCommand(program: Command, terminal: Terminal): Command {
  return new Command("completion")
    .description("Print a script that completes commands and options in a shell.")
    .addArgument(new Argument("<shell>", "which shell").choices(shells))
    .addHelpText("after", examples)
    .action((shell: (typeof shells)[number]) => terminal.out(SCRIPTS[shell](program)));
}

/** A command or a command of it, and what may be typed after its name. */
interface Level {
  /** `directions find` */
  readonly path: string;
  readonly flags: readonly string[];
  /** Words that are no options: its commands, and the choices of its argument. */
  readonly words: readonly string[];
  /** Options with a value, and what that may be; none: a file, or anything. */
  readonly values: readonly (readonly [flag: string, choices: readonly string[]])[];
  /** Whether an argument may be a file, which shells complete themselves. */
  readonly takesFiles: boolean;
}

function levelsOf(command: Command, path: string): Level[] {
  const options = command.options.filter(({ hidden, long }) => !hidden && long);
  const argument = command.registeredArguments[0];
  const level = {
    path,
    flags: [...options.map(({ long }) => long!), "--help"],
    words: [...command.commands.map((sub) => sub.name()), ...(argument?.argChoices ?? [])],
    values: options
      .filter(({ required, optional }) => required || optional)
      .map(({ long, argChoices }) => [long!, argChoices ?? []] as const),
    takesFiles: argument !== undefined && argument.argChoices === undefined,
  };
  return [level, ...command.commands.flatMap((sub) => levelsOf(sub, `${path} ${sub.name()}`))];
}

const levelsIn = (program: Command): Level[] =>
  program.commands.flatMap((command) => levelsOf(command, command.name()));

const SCRIPTS: Readonly<Record<(typeof shells)[number], (program: Command) => string>> = {
  bash: (program) => `${bashFunction(program)}
complete -o default -F _stylegan_words stylegan
`,
  // Sourced, or found in fpath: then the file itself is what completes the first time.
  zsh: (program) => `#compdef stylegan
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
(( $+functions[_bash_complete] )) || { autoload -Uz bashcompinit && bashcompinit; }
${bashFunction(program)}
complete -o default -F _stylegan_words stylegan
if [[ "$funcstack[1]" == _stylegan ]]; then _bash_complete -o default -F _stylegan_words; fi
`,
  fish: (program) => {
    const names = program.commands.map((command) => command.name()).join(" ");
    const lines = [`complete -c stylegan -n "not __fish_seen_subcommand_from ${names}" -a "${names}" -f`];
    for (const { path, flags, words, values } of levelsIn(program)) {
      const seen = path.split(" ").map((name) => `__fish_seen_subcommand_from ${name}`);
      const when = seen.join("; and ");
      if (words.length > 0) {
        const list = words.join(" ");
        lines.push(`complete -c stylegan -n "${when}; and not __fish_seen_subcommand_from ${list}" -a "${list}" -f`);
      }
      for (const flag of flags) {
        const [, choices] = values.find(([name]) => name === flag) ?? [];
        const value = choices === undefined ? "" : choices.length > 0 ? ` -xa "${choices.join(" ")}"` : " -r";
        lines.push(`complete -c stylegan -n "${when}" -l ${flag.slice(2)}${value}`);
      }
    }
    return `${lines.join("\n")}\n`;
  },
};

/** Answers nothing where a file may stand: `-o default` completes those. */
function bashFunction(program: Command): string {
  const levels = levelsIn(program);
  const answer = (words: readonly string[]): string =>
    words.length === 0 ? "" : `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$word")); `;
  const cases = levels.map(({ path, flags, words, values, takesFiles }) => {
    const after = values.map(([flag, choices]) => `        ${flag}) ${answer(choices)}return ;;`);
    const other = takesFiles ? "" : ` || -z "$word"`;
    return `    "${path}")
      case "$before" in
${[...after, "        *) ;;"].join("\n")}
      esac
      ${answer(words)}[[ "$word" == -*${other} ]] && COMPREPLY+=($(compgen -W "${flags.join(" ")}" -- "$word")) ;;`;
  });
  const deeper = levels.flatMap(({ path }) => (path.includes(" ") ? [`"${path}"`] : [])).join("|");
  const names = program.commands.map((command) => command.name()).join(" ");
  return `_stylegan_words() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then COMPREPLY=($(compgen -W "${names} --help --version" -- "$word")); return; fi
  if [[ $COMP_CWORD -gt 2 ]]; then
    case "$at \${COMP_WORDS[2]}" in ${deeper}) at="$at \${COMP_WORDS[2]}" ;; esac
  fi
  case "$at" in
${cases.join("\n")}
  esac
}`;
}
