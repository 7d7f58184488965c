import Foundation
import Synchronization
import Tidemark

/// The teller's progress, for the threads that watch it.
final class Progress: Sendable {
  /// No transfer after this one was given to a commit.
  let begun = Atomic<Int64>(0)
  /// Commits have returned up to this transfer.
  let committed = Atomic<Int64>(0)
  /// Signalled when it is time for another checkpoint.
  let checkpointIsDue = DispatchSemaphore(value: 0)
}

/// Takes one snapshot after the other while the teller commits.
struct Checker {
  let store: StateStore
  let progress: Progress

  func run() throws {
    var formerOffset = Offset.zero
    var formerApplied: Int64 = 0
    var round = 0
    while true {
      let committed = progress.committed.load(ordering: .sequentiallyConsistent)
      let view = try store.snapshot()
      let begun = progress.begun.load(ordering: .sequentiallyConsistent)
      let audit = Audit(view)
      let applied = audit.applied ?? 0
      guard view.offset >= formerOffset, applied >= formerApplied else {
        throw Violation(description: "a snapshot at \(applied) after one at \(formerApplied)")
      }
      guard committed <= applied, applied <= begun else {
        throw Violation(description: "a snapshot at \(applied), not within \(committed)...\(begun)")
      }
      try audit.quickly()
      if round % 16 == 0 { try audit.count() }
      (formerOffset, formerApplied, round) = (view.offset, applied, round + 1)
    }
  }
}

/// Looks up the last committed transfer, key by key, while the teller commits.
struct LatestReader {
  let store: StateStore
  let seed: UInt64
  let progress: Progress

  func run() throws {
    let reader = try store.reader()
    while true {
      let last = progress.committed.load(ordering: .sequentiallyConsistent) - 1
      guard last >= 0 else { continue }
      guard let row = try reader.get(last, in: Bank.transfers) else {
        let begun = progress.begun.load(ordering: .sequentiallyConsistent)
        guard last < begun - Bank.keptTransfers else { throw Violation(description: "transfer \(last) isn't found") }
        continue
      }
      let transfer = Transfer(last, seed: seed)
      guard row.0 == transfer.from, row.1 == transfer.to, row.3 == transfer.timestamp else {
        throw Violation(description: "transfer \(last) is \(row), not \(transfer)")
      }
    }
  }
}
