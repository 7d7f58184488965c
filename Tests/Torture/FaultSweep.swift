internal import Changelog
internal import Foundation
internal import Tidemark
internal import TidemarkTesting

/// Fails every call that a history makes to its disk, one per run of the history, in each way that it can fail.
///
/// The runner of the history follows the errors: it tries again, or closes and reopens the store. Afterwards every
/// promise must hold, and all of the history must be done.
package struct FaultSweep: Sendable {
  /// How a call fails.
  package enum Failure: Sendable, CaseIterable {
    /// A device error.
    case inputOutput
    /// No space is left.
    case outOfSpace
    /// A write is cut short; any other call fails.
    case short
    /// A sync fails and loses the data that wasn't synced; any other call fails.
    case losing
    /// A read returns a flipped bit; any other call fails.
    case flippedBit

    /// Whether the failure applies to such a call, and differs from a device error.
    func concerns(_ operation: Disk.Operation) -> Bool {
      switch self {
      case .inputOutput, .outOfSpace: true
      case .short: operation == .write
      case .losing: operation == .sync
      case .flippedBit: operation == .read
      }
    }

    func fault(_ nth: Int) -> Disk.Fault {
      var fault = Disk.Fault(nth: nth, errno: self == .outOfSpace ? ENOSPC : EIO)
      if self == .short { fault.shortBytes = 7 }
      fault.losesUnsynced = self == .losing
      fault.flipsBit = self == .flippedBit
      return fault
    }
  }

  /// The counters of the sweep.
  package struct Tally: Sendable, Codable {
    /// Runs with a failed call.
    package var runs = 0
    /// Errors in these runs.
    package var errors = 0
    /// Reopens of the stores because of an error.
    package var reopens = 0
    /// Times that RocksDB stopped the program.
    package var stops = 0
    /// Rebuilds of a store from its changelog.
    package var rebuilds = 0

    package init() {}

    package mutating func add(_ other: Tally) {
      runs += other.runs
      errors += other.errors
      reopens += other.reopens
      stops += other.stops
      rebuilds += other.rebuilds
    }
  }

  private let actions: [Action]
  private let settings: World.Settings
  private let scratch: String

  /// A sweep over ``Action/script``.
  package init(in scratch: String) {
    actions = Action.script
    settings = World.Settings()
    self.scratch = scratch
  }

  /// Fails the `nth` call in all ways, one per run, and counts; if the history has fewer calls, `runs` is 0.
  package func run(failing nth: Int) throws -> Tally {
    var sum = Tally()
    // The number of calls varies by one or two between runs, with thread timing.
    var operation: Disk.Operation?
    for failure in Failure.allCases where operation.map(failure.concerns) ?? (failure == .inputOutput) {
      do {
        let run = try run(failure.fault(nth))
        sum.add(run.tally)
        operation = operation ?? run.operation
      } catch {
        throw Violation("call \(nth) failed (\(failure)): \(error); the files are in \(scratch)")
      }
    }
    return sum
  }

  private func run(_ fault: Disk.Fault) throws -> (tally: Tally, operation: Disk.Operation?) {
    var tally = Tally()
    var life = try Incarnation(scratch, settings)
    // Faults are planned on the disk of the first life.
    let disk = life.disk
    disk.plan(fault)
    func attempt(_ body: @escaping (World) throws -> Void) throws {
      let world = life.world
      while try !life.attempt({ try body(world) }) {
        tally.stops += 1
        life = try life.next(stepsAgo: 0, .nothing, hasStopped: true)
        // A stopped action isn't repeated: the promise shows whether it was done.
        return
      }
    }
    for action in actions { try attempt { try $0.perform(action) } }
    try attempt { try $0.close() }
    tally.runs = disk.failureCount > 0 ? 1 : 0
    tally.errors = life.errors
    tally.reopens = life.reopens
    tally.rebuilds = life.rebuilds
    life.disk.heal()
    try attempt { try $0.checkCheckpoints() }
    try attempt { try $0.verify() }
    try attempt { try $0.close() }
    try attempt { _ in }
    try attempt { try $0.close() }
    return (tally, disk.failedOperation)
  }
}
