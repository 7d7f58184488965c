import Foundation

/// One process of an endurance run, from its start until it is killed, as seen in its output.
final class EnduranceLife {
  /// An event that an output line reports.
  enum Event {
    case ready, loaded
    case second(WorkerReport)
  }

  let number: Int
  let child: ChildProcess
  let startedAt = now()
  private(set) var readyAt: UInt64?
  /// The position that the process found at its start.
  private(set) var found: Int64?
  /// The last position given to a commit, and the last acknowledged.
  private(set) var tried: Int64?
  private(set) var acknowledged: Int64?
  private(set) var acknowledgements = 0

  init(_ number: Int, _ plan: EndurancePlan) throws {
    self.number = number
    child = try ChildProcess(["endurance-worker", try plan.json])
  }

  /// The number of seconds since it was ready.
  var age: Double? { readyAt.map { Double(now() - $0) / 1e9 } }

  /// Waits for the next event; `nil` once ``now()`` is `deadline`, or when the process has ended.
  func event(until deadline: UInt64) throws -> Event? {
    while let line = child.line(until: deadline) {
      if let event = try take(line) { return event }
    }
    return nil
  }

  /// Kills the process, and reads its output up to the end.
  func kill() throws {
    guard child.kill() else { throw WrongRead(description: "process \(number) ended on its own") }
    // Nobody else holds the other end of its output pipe.
    while let line = child.line(until: now() + 1_000_000_000) { _ = try take(line) }
    _ = try child.end()
  }

  private func take(_ line: String) throws -> Event? {
    let words = line.split(separator: " ", maxSplits: 1)
    let rest = words.count > 1 ? String(words[1]) : ""
    switch (words.first, Int64(rest)) {
    case ("ready", let position?):
      readyAt = now()
      (found, tried, acknowledged) = (position, position, position)
      return .ready
    case ("loaded", _): return .loaded
    case ("try", let position?): tried = position
    case ("ack", let position?):
      acknowledged = position
      acknowledgements += 1
    case ("second", _): return .second(try JSONDecoder().decode(WorkerReport.self, from: Data(rest.utf8)))
    default: throw WrongRead(description: line)
    }
    return nil
  }
}
