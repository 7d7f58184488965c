extension Disk {
  /// One planned failure.
  package struct Fault: Sendable {
    /// The operation that fails; `nil`: any.
    package var operation: Operation?
    /// The first call to fail, counted from 1 from now on.
    package var nth = 1
    /// How many fail from there on.
    package var count = 1
    /// Only files whose path ends with this count; all, if empty.
    package var pathSuffix = ""
    /// The error; for a short write of the log, none.
    package var errno: Int32 = 5
    /// How many bytes a write still writes.
    ///
    /// The log's write is then short, and doesn't fail; RocksDB's fails afterwards, as it never sees a short write.
    package var shortBytes: Int?
    /// Whether a failing sync also loses the unsynced bytes, which read as zeros afterwards.
    package var losesUnsynced = false
    /// Whether a read succeeds with a flipped bit.
    package var flipsBit = false

    package init(_ operation: Operation? = nil, nth: Int = 1, count: Int = 1, pathSuffix: String = "", errno: Int32 = 5)
    {
      self.operation = operation
      self.nth = nth
      self.count = count
      self.pathSuffix = pathSuffix
      self.errno = errno
    }
  }
}

/// The planned failures, and their progress.
struct FaultPlan: Sendable {
  var faults: [Disk.Fault] = []
  private(set) var failureCount = 0
  /// The first operation that failed.
  private(set) var failedOperation: Disk.Operation?
  private(set) var hasFlippedBits = false
  var hasLostUnsynced = false

  mutating func due(_ operation: Disk.Operation, _ path: String) -> Disk.Fault? {
    var due: Disk.Fault?
    for place in faults.indices
    where faults[place].operation ?? operation == operation && path.hasSuffix(faults[place].pathSuffix) {
      faults[place].nth -= 1
      if faults[place].nth <= 0, faults[place].nth > -faults[place].count { due = due ?? faults[place] }
    }
    if let due {
      failureCount += 1
      failedOperation = failedOperation ?? operation
      if due.flipsBit, operation == .read { hasFlippedBits = true }
      if due.losesUnsynced, operation == .sync { hasLostUnsynced = true }
    }
    return due
  }
}
