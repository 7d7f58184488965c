import ArgumentParser

/// The command `tidemark`.
@main
struct TidemarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tidemark",
    abstract: "Keeps the state of stream jobs so that a kill -9 at any instant loses nothing.",
    discussion: """
      EXAMPLES
        tidemark aggregate orders.csv --group-by customer --sum amount \\
          --state ./state
        tidemark get anna --state ./state
        tidemark scan --json --state ./state
        tidemark top 10 --by "sum(amount)" --state ./state
        tidemark verify --state ./state
        tidemark checkpoint /backup/state-1 --state ./state
        tidemark fork ./before --time 2026-11-20T14:00:00Z --state ./state
        tidemark log --follow --state ./state
        tidemark demo

      Killed at any instant, the same `aggregate` command goes on where the last commit stood.

      A state has one process at a time: while it is in use, only `log` and `fork` read it.

      Completion for a shell is written by `tidemark --generate-completion-script bash` (or zsh, fish), for example into \
      ~/.local/share/bash-completion/completions/tidemark.

      EXIT STATUS
      \(ExitStatus.listing)
      """,
    version: "0.1.0",
    subcommands: [
      AggregateCommand.self, GetCommand.self, ScanCommand.self, TopCommand.self, InfoCommand.self, VerifyCommand.self,
      RebuildCommand.self, CheckpointCommand.self, RestoreCommand.self, ForkCommand.self, LogCommand.self,
      DemoCommand.self, TortureCommand.self,
    ])
}
