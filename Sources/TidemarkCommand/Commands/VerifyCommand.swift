import ArgumentParser
import Foundation
import Tidemark

/// `tidemark verify`.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Replays the changelog into a scratch store and compares every row.",
    discussion: """
      The state on disk must be exactly the replay of its changelog up to the offset stored beside it. The exit \
      status is 0 if it is, 2 if a row differs, 76 if files are damaged. The scratch store is created next to the \
      state and removed afterwards. A child process reads the state, since RocksDB may abort a process that reads a \
      damaged file.

      EXAMPLES
        tidemark verify --state ./state
      """)

  @OptionGroup var state: StateOption
  @OptionGroup var progress: ProgressOption

  /// Set in the reading process: the identifier of the process that waits for it.
  @Option(help: .hidden) var parent: Int32?

  func run() throws {
    guard let parent else { return try readInChild() }
    try reportingErrors {
      let line = ProgressLine(progress.progress)
      func update(_ progress: OpenProgress) throws {
        guard getppid() == parent else { throw CancellationError() }
        line.update(progress)
      }
      let state = try AggregationState(self.state.state, wait: self.state.waitDuration, progress: update)
      let scratch = AggregationState.scratch(of: self.state.state)
      let report = try state.store.verify(in: scratch, progress: update)
      line.clear()
      try state.store.close()
      if report.agrees {
        try printLine(
          "the state is the replay of its changelog: \(grouped(report.rows)) rows compared,"
            + " \(grouped(report.records)) records replayed, offset \(report.offset)")
        return
      }
      for difference in report.differences { try printLine("\(difference)") }
      throw CommandError(
        .differs,
        "the state is not the replay of its changelog: \(grouped(report.differenceCount)) rows differ"
          + (report.stateAgrees ? "" : ", and so do positions or receipt") + "; `tidemark rebuild` restores it")
    }
  }

  /// Verifies in a child process, so that a crash of RocksDB at damaged files can be reported.
  private func readInChild() throws {
    try reportingErrors {
      Signals.unblock()
      let reader = try ChildProcess([
        "verify", "--state", state.state, "--wait", WindowLength(Int64(state.waitDuration / .milliseconds(1))).text,
        "--progress", progress.progress.rawValue, "--parent", "\(getpid())",
      ])
      Signals.handOn(to: reader.identifier)
      let status: Int32
      switch try reader.wait() {
      case .exit(0): return
      case .exit(let status): throw ExitCode(status)
      case .signal(let number): status = number
      }
      // The child ended before it could remove its scratch directory.
      try? FileManager.default.removeItem(atPath: AggregationState.scratch(of: state.state))
      if [SIGINT, SIGTERM].contains(status) { throw ExitCode(128 + status) }
      let name = unsafe String(cString: strsignal(status))
      guard status != SIGKILL else {
        throw CommandError(.failed, "the process that read the state was killed; run the same command again")
      }
      throw CommandError(
        .damaged,
        "RocksDB stopped the process that read the state (\(name)), as it does at some damaged files; "
          + ExitStatus.damaged.remedy!)
    }
  }
}
