internal import Changelog
internal import Foundation
internal import Tidemark
package import TidemarkTesting

/// A history of actions, failing calls and crashes, drawn from a seed.
package struct RandomHistory: Sendable {
  /// A step of the history.
  package enum Event: Sendable, CustomStringConvertible {
    case action(Action)
    /// One of the next calls to the disk fails.
    case fault(FaultSweep.Failure, nth: Int)
    /// A crash with this loss, the given number of disk steps ago; what survives is used from there on.
    case crash(stepsAgo: Int, CrashImages.Loss)

    package var description: String {
      switch self {
      case .action(let action): "\(action)"
      case .fault(let failure, let nth): "fault(\(failure), nth: \(nth))"
      case .crash(let steps, let loss): "crash(stepsAgo: \(steps), \(loss))"
      }
    }
  }

  /// The counters of a history.
  package struct Tally: Sendable, Codable {
    package var histories = 0
    package var actions = 0
    package var crashes = 0
    package var failedCalls = 0
    /// Times that RocksDB stopped the program: these are crashes, too.
    package var stops = 0

    package init() {}

    package mutating func add(_ other: Tally) {
      histories += other.histories
      actions += other.actions
      crashes += other.crashes
      failedCalls += other.failedCalls
      stops += other.stops
    }
  }

  package let seed: UInt64
  let settings: World.Settings
  package private(set) var events: [Event]

  /// Makes the history of a seed.
  package init(seed: UInt64) {
    self.seed = seed
    var random = SeededGenerator(seed: seed)
    settings = .random(using: &random)
    let count = Int.random(in: 10...60, using: &random)
    events = (0..<count).map { _ in
      switch Int.random(in: 0..<10, using: &random) {
      case 0:
        .crash(
          stepsAgo: Int.random(in: 0...60, using: &random),
          [.nothing, .everything, .some(seed: random.next()), .some(seed: random.next())].randomElement(using: &random)!
        )
      case 1:
        .fault(FaultSweep.Failure.allCases.randomElement(using: &random)!, nth: Int.random(in: 1...80, using: &random))
      default: .action(.random(using: &random))
      }
    }
  }

  private init(_ other: RandomHistory, events: [Event]) {
    seed = other.seed
    settings = other.settings
    self.events = events
  }

  /// Runs it; throws a ``Violation`` if a promise is broken.
  ///
  /// Calls `report` before each event.
  package func run(in scratch: String, _ report: (Event, _ tally: Tally) -> Void = { _, _ in }) throws -> Tally {
    var tally = Tally()
    var life = try Incarnation(scratch, settings)
    func next(stepsAgo: Int, _ loss: CrashImages.Loss, hasStopped: Bool) throws {
      tally.failedCalls += life.disk.failureCount
      tally.crashes += 1
      if hasStopped { tally.stops += 1 }
      life = try life.next(stepsAgo: stepsAgo, loss, hasStopped: hasStopped)
    }
    func attempt(_ body: @escaping (World) throws -> Void) throws {
      let world = life.world
      if try !life.attempt({ try body(world) }) { try next(stepsAgo: 0, .nothing, hasStopped: true) }
    }
    for (place, event) in events.enumerated() {
      report(event, tally)
      do {
        switch event {
        case .action(let action):
          try attempt { try $0.perform(action) }
          tally.actions += 1
        case .fault(let failure, let nth): life.disk.plan(failure.fault(nth))
        case .crash(let stepsAgo, let loss): try next(stepsAgo: stepsAgo, loss, hasStopped: false)
        }
      } catch {
        throw Violation("event \(place), \(event): \(error)")
      }
    }
    tally.failedCalls += life.disk.failureCount
    life.disk.heal()
    try attempt { try $0.checkCheckpoints() }
    try attempt { try $0.verify() }
    try attempt { try $0.close() }
    // Reopens the stores, which checks them against all promises, and not only against the changelog.
    try attempt { _ in }
    try attempt { try $0.close() }
    tally.histories = 1
    return tally
  }

  /// The smallest part of the history that still breaks a promise, as far as a few tries of each part find one.
  package func smallestFailing(in scratch: String, tries: Int = 3) -> RandomHistory {
    func fails(_ history: RandomHistory) -> Bool {
      (0..<tries).contains { _ in (try? history.run(in: scratch)) == nil }
    }
    var smallest = self
    var length = max(1, events.count / 2)
    while true {
      var start = 0
      var isSmaller = false
      while start < smallest.events.count {
        var events = smallest.events
        events.removeSubrange(start..<min(events.count, start + length))
        let candidate = RandomHistory(self, events: events)
        if fails(candidate) {
          smallest = candidate
          isSmaller = true
        } else {
          start += length
        }
      }
      if length == 1, !isSmaller { return smallest }
      if length > 1 { length /= 2 }
    }
  }

  /// Settings and events, one per line.
  package var listing: String {
    (["seed \(seed), \(settings)"] + events.map { "  \($0)" }).joined(separator: "\n")
  }
}
