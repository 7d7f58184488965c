import Foundation

/// Runs this command as a child again and again, and kills it with SIGKILL at random instants until it may finish.
struct KillHarness {
  let arguments: [String]
  /// How many bytes the child reads in all.
  let totalBytes: Int

  /// One life of the child.
  struct Run {
    var replayedRecords = 0
    /// From its start until it was ready to read.
    var readyMilliseconds = 0
    /// How far the child had read when it was killed, by its last report; `nil` for the one that finished.
    var killedAtBytes: Int?
  }

  struct Outcome {
    var runs: [Run] = []
    /// How long children were at work.
    var workingSeconds = 0.0
  }

  /// Kills the child `kills` times, each time at a random instant of the remaining input, then lets it finish.
  func run(kills: Int, using generator: inout some RandomNumberGenerator) throws -> Outcome {
    // Instants are drawn over the whole input, so that the last one is as likely late as early.
    var targets = (0..<kills).map { _ in Int.random(in: 0..<totalBytes, using: &generator) }.sorted()[...]
    var outcome = Outcome()
    while true {
      let begin = ContinuousClock.now
      let target = targets.popFirst()
      let delay = Duration.microseconds(Int.random(in: 0..<30_000, using: &generator))
      let run = try life(killAt: target, delay: delay)
      outcome.workingSeconds += begin.duration(to: .now) / .seconds(1)
      outcome.runs.append(run)
      if target == nil { return outcome }
    }
  }

  private func life(killAt target: Int?, delay: Duration) throws -> Run {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    child.arguments = arguments
    let pipe = Pipe()
    child.standardError = pipe
    child.standardOutput = FileHandle.nullDevice
    let begin = ContinuousClock.now
    try child.run()
    var run = Run()
    var last = 0
    var messages: [String] = []
    var lines = LineReader(pipe.fileHandleForReading)
    while let line = lines.next() {
      guard let event = Event(line) else {
        messages.append(line)
        continue
      }
      if event.event == "ready" {
        run.replayedRecords = event.replayedRecords ?? 0
        run.readyMilliseconds = Int(begin.duration(to: .now) / .milliseconds(1))
      }
      last = event.bytes ?? last
      if let target, last >= target {
        nap(delay)
        kill(child.processIdentifier, SIGKILL)
        break
      }
    }
    child.waitUntilExit()
    if child.terminationReason == .uncaughtSignal, target != nil {
      run.killedAtBytes = last
      return run
    }
    guard child.terminationStatus == 0 else {
      throw CommandError(.differs, "the child failed: " + (messages.last ?? "status \(child.terminationStatus)"))
    }
    return run
  }

  private struct Event: Decodable {
    var event: String
    var replayedRecords: Int?
    var bytes: Int?

    init?(_ line: String) {
      guard let event = try? JSONDecoder().decode(Event.self, from: Data(line.utf8)) else { return nil }
      self = event
    }
  }
}

/// Waits a moment: otherwise every kill would come just after one of the child's reports.
private func nap(_ duration: Duration) {
  var time = timespec(tv_sec: 0, tv_nsec: Int(duration.components.attoseconds / 1_000_000_000))
  unsafe nanosleep(&time, nil)
}

/// The lines of a pipe.
private struct LineReader {
  private let handle: FileHandle
  private var rest: [UInt8] = []

  init(_ handle: FileHandle) { self.handle = handle }

  mutating func next() -> String? {
    while true {
      if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: rest[..<end], as: UTF8.self)
        rest.removeSubrange(...end)
        return line
      }
      let more = handle.availableData
      if more.isEmpty { return nil }
      rest += more
    }
  }
}
