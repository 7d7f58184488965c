internal import struct Synchronization.Atomic

/// What is in use of a store at the moment, counted where it happens.
final class StoreUsage: Sendable {
  private let cursors = Atomic<Int>(0)
  private let reservedBytes = Atomic<Int>(0)
  private let waiting = Atomic<Int>(0)

  private let views = Atomic<Int>(0)

  private let applications = Atomic<Int>(0)

  /// Whether runs are being written to table files: 0 or 1.
  var runningApplications: Int { applications.load(ordering: .relaxed) }
  func applicationBegan() { applications.add(1, ordering: .relaxed) }
  func applicationEnded() { applications.subtract(1, ordering: .relaxed) }

  /// How many snapshots there are, each counted once whatever its copies.
  var openViews: Int { views.load(ordering: .relaxed) }
  func viewOpened() { views.add(1, ordering: .relaxed) }
  func viewClosed() { views.subtract(1, ordering: .relaxed) }

  /// How many cursors there are, of snapshots and of the transaction.
  var openCursors: Int { cursors.load(ordering: .relaxed) }
  func cursorOpened() { cursors.add(1, ordering: .relaxed) }
  func cursorClosed() { cursors.subtract(1, ordering: .relaxed) }

  /// What the transaction has reserved for its uncommitted changes.
  var uncommittedBytes: Int { reservedBytes.load(ordering: .relaxed) }
  func setUncommitted(bytes: Int) { reservedBytes.store(bytes, ordering: .relaxed) }

  /// What commits take that the database doesn't have yet.
  var waitingBytes: Int { waiting.load(ordering: .relaxed) }
  func setWaiting(bytes: Int) { waiting.store(bytes, ordering: .relaxed) }
}
