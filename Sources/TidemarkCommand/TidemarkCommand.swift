import ArgumentParser

/// The command `tidemark`.
@main
struct TidemarkCommand: ParsableCommand {
  static func main() {
    StandardStreams.prepare()
    Arguments.check()
    Arguments.checkHelp(configuration.subcommands)
    main(nil)
  }

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

      After a kill at any instant, the same `aggregate` command resumes at the last commit.

      Only one process at a time can use a state. While it is in use, only `log` and `fork` can read it.

      `tidemark --generate-completion-script bash` (or zsh, fish) prints completions for a shell; write them to, \
      for example, ~/.local/share/bash-completion/completions/tidemark.

      EXIT STATUS
      \(ExitStatus.listing)
      """,
    version: "0.1.0",
    subcommands: [
      AggregateCommand.self, GetCommand.self, ScanCommand.self, TopCommand.self, InfoCommand.self, VerifyCommand.self,
      RebuildCommand.self, CheckpointCommand.self, RestoreCommand.self, ForkCommand.self, PruneCommand.self,
      LogCommand.self,
      DemoCommand.self, TortureCommand.self,
    ])
}
