internal import Changelog
internal import Foundation
internal import Tidemark
internal import TidemarkTesting

/// Fails every call that a history makes of its disk, one a run of the history, in each way that such a call can fail.
///
/// Whoever runs the history does what the errors tell: tries again, or closes and opens again. Nothing of what was promised
/// may be missing afterwards, and all of the history is done in the end.
package struct FaultSweep: Sendable {
  /// How a call fails.
  package enum Failure: Sendable, CaseIterable {
    /// The device fails.
    case inputOutput
    /// There is no space.
    case outOfSpace
    /// A write ends early; everything else fails.
    case short
    /// What wasn't synced is lost with the sync; everything else fails.
    case losing
    /// A read brings a flipped bit; everything else fails.
    case flippedBit

    /// Whether it is another failure than an error of the device, for such a call.
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

  /// What the sweep has done.
  package struct Tally: Sendable, Codable {
    /// How many runs there were, each with a call that failed.
    package var runs = 0
    /// How many errors they met.
    package var errors = 0
    /// How many times the stores were opened again because of one.
    package var reopens = 0
    /// How many times RocksDB stopped the program.
    package var stops = 0
    /// How many times a store had to be rebuilt from its changelog.
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

  /// Fails the `nth` call in all ways, one a run; what is done is counted, also where the history ended before it.
  package func run(failing nth: Int) throws -> Tally {
    var sum = Tally()
    // From run to run the calls differ by one or two, as threads come.
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
    // The disk that fails is that of the first life.
    let disk = life.disk
    disk.plan(fault)
    func attempt(_ body: @escaping (World) throws -> Void) throws {
      let world = life.world
      while try !life.attempt({ try body(world) }) {
        tally.stops += 1
        life = try life.next(stepsAgo: 0, .nothing, hasStopped: true)
        // What stopped isn't done again: whether it was done, the promise tells.
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
