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

/** The names of a command's options, long forms. */
const flagsOf = (command: Command): string[] =>
  command.options.flatMap(({ long }) => (long ? [long] : [])).concat("--help");

const choicesOf = (command: Command): (readonly [flag: string, choices: readonly string[]])[] =>
  command.options.flatMap(({ long, argChoices }) => (long && argChoices ? [[long, argChoices] as const] : []));

const SCRIPTS: Readonly<Record<(typeof shells)[number], (program: Command) => string>> = {
  bash: (program) => `${bashFunction(program)}
complete -o default -F _stylegan stylegan
`,
  zsh: (program) => `#compdef stylegan
autoload -U +X bashcompinit && bashcompinit
${bashFunction(program)}
complete -o default -F _stylegan stylegan
`,
  fish: (program) => {
    const names = program.commands.map((command) => command.name());
    const lines = [
      `complete -c stylegan -n "not __fish_seen_subcommand_from ${names.join(" ")}" -a "${names.join(" ")}" -f`,
    ];
    for (const command of program.commands) {
      const when = `-n "__fish_seen_subcommand_from ${command.name()}"`;
      for (const { long, argChoices, required, optional } of command.options) {
        if (!long) continue;
        const values = argChoices ? ` -xa "${argChoices.join(" ")}"` : required || optional ? " -r" : "";
        lines.push(`complete -c stylegan ${when} -l ${long.slice(2)}${values}`);
      }
    }
    return `${lines.join("\n")}\n`;
  },
};

function bashFunction(program: Command): string {
  const cases = program.commands.map((command) => {
    const values = choicesOf(command).map(
      ([flag, choices]) => `        ${flag}) COMPREPLY=($(compgen -W "${choices.join(" ")}" -- "$word")); return ;;`,
    );
    const words = [...command.commands.map((sub) => sub.name()), ...flagsOf(command)].join(" ");
    return `    ${command.name()})
      case "$before" in
${[...values, "        *) ;;"].join("\n")}
      esac
      [[ "$word" == -* || -z "$word" ]] && COMPREPLY=($(compgen -W "${words}" -- "$word")) ;;`;
  });
  const names = program.commands.map((command) => command.name()).join(" ");
  return `_stylegan() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then COMPREPLY=($(compgen -W "${names} --help --version" -- "$word")); return; fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
  esac
}`;
}
