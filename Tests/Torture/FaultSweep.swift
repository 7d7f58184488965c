package import Changelog
internal import Foundation
internal import Tidemark
internal import TidemarkTesting

/// Fails every call that a history makes of its disk, one a run of the history.
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

    func fault(_ nth: Int) -> Disk.Fault {
      var fault = Disk.Fault(nth: nth, errno: self == .outOfSpace ? ENOSPC : EIO)
      if self == .short { fault.shortBytes = 7 }
      fault.losesUnsynced = self == .losing
      fault.flipsBit = self == .flippedBit
      return fault
    }
  }

  /// What the sweep has done.
  package struct Tally: Sendable {
    /// How many runs there were, each with a call that failed.
    package var runs = 0
    /// In how many of them the history met an error.
    package var errors = 0
    /// How many times a store was opened again because of one.
    package var reopens = 0

    package init() {}

    package mutating func add(_ other: Tally) {
      runs += other.runs
      errors += other.errors
      reopens += other.reopens
    }
  }

  package var actions: [Action]
  var settings: World.Settings
  let scratch: String

  package init(_ actions: [Action] = Action.script, durability: Durability = .sync, in scratch: String) {
    self.actions = actions
    settings = World.Settings(durability: durability)
    self.scratch = scratch
  }

  /// How many calls the history makes of its disk when none fails.
  package func countCalls() throws -> Int {
    var tally = Tally()
    let disk = try run(nil, in: scratch + "/counted", &tally)
    return disk.operationCount
  }

  /// Fails a call; `false` if the history ended before it.
  package func run(
    failing nth: Int, _ failure: Failure, in name: String, _ tally: inout Tally
  ) throws -> Bool {
    do {
      let disk = try run(failure.fault(nth), in: scratch + "/" + name, &tally)
      if disk.failureCount == 0 { return false }
    } catch {
      throw Violation("call \(nth) failed (\(failure)): \(error); the files are in \(scratch)/\(name)")
    }
    tally.runs += 1
    return true
  }

  private func run(_ fault: Disk.Fault?, in root: String, _ tally: inout Tally) throws -> Disk {
    try POSIXStorage().removeTree(root)
    try POSIXStorage().makeDirectory(root)
    let disk = Disk(recording: root, syncs: false)
    if let fault { disk.plan(fault) }
    let world = World(root, disk, settings)
    let guide = FaultGuide(world, disk)
    let errors = tally.errors
    try guide.attempt {}
    for action in actions { try guide.attempt { try world.perform(action) } }
    try guide.attempt { try world.close() }
    tally.errors = errors + (guide.errors > 0 ? 1 : 0)
    tally.reopens += guide.reopens
    try world.open()
    try world.checkCheckpoints()
    try world.verify()
    try world.close()
    return disk
  }
}

/// Does what errors tell.
final class FaultGuide {
  private let world: World
  private let disk: Disk
  private(set) var errors = 0
  private(set) var reopens = 0

  init(_ world: World, _ disk: Disk) {
    self.world = world
    self.disk = disk
  }

  /// Does something, again and again until it is done, and opens again what doesn't go on.
  func attempt(_ body: () throws -> Void) throws {
    var tries = 0
    while true {
      do {
        if world.store == nil || world.local == nil { try reopen() }
        return try body()
      } catch let error as StoreError {
        errors += 1
        tries += 1
        guard disk.failureCount > 0 else { throw Violation("without a failing disk: \(error)") }
        guard tries < 6 else { throw Violation("again and again: \(error)") }
        // What wasn't committed, or wasn't made, is tried again. All else, and whatever was half opened, begins anew.
        let canGoOn = [.unavailable, .outOfSpace, .overBudget].contains(error.kind) && tries == 1
        if !canGoOn || world.store == nil || world.local == nil { try? world.close() }
      }
    }
  }

  private func reopen() throws {
    reopens += 1
    world.letGo()
    try world.open()
  }
}
