public import Tidemark

/// A store in memory, simple enough to be evidently right: the oracle of random tests.
///
/// Tables are sorted rows of encoded bytes; the transaction, its savepoints and all snapshots are whole copies. Nothing
/// is shared with the store's own code: a range is a predicate, a scan asks for the next row each time.
///
/// ```swift
/// var model = ModelStore(tables: ["balances"])
/// model.put(key, value, in: "balances")
/// model.commit([TopicPartition("orders", 0): 7])
/// ```
public struct ModelStore: Sendable {
  /// The state at the last commit, which a snapshot taken now must show.
  public private(set) var committed: ModelState
  /// The state as the transaction sees it.
  ///
  /// Its positions are those of the last commit.
  public private(set) var current: ModelState
  private var changedKeys: Set<ChangedKey> = []
  private var savepoints: [(state: ModelState, changedKeys: Set<ChangedKey>)] = []

  private struct ChangedKey: Hashable {
    let table: String
    let key: [UInt8]
  }

  /// How many keys have uncommitted changes.
  public var uncommittedEntries: Int { changedKeys.count }

  /// Makes an empty store with these tables.
  public init(tables: [String]) {
    committed = ModelState(tables: Dictionary(uniqueKeysWithValues: tables.map { ($0, ModelTable()) }))
    current = committed
  }

  // MARK: Writing

  /// Sets the value of a key.
  public mutating func put(_ key: [UInt8], _ value: [UInt8], in table: String) {
    current.tables[table]!.rows[key] = value
    changedKeys.insert(ChangedKey(table: table, key: key))
  }

  /// Sets the value of a key that has none; returns whether it did.
  public mutating func putIfAbsent(_ key: [UInt8], _ value: [UInt8], in table: String) -> Bool {
    if current[table].rows[key] != nil { return false }
    put(key, value, in: table)
    return true
  }

  /// Deletes a key, whether or not it has a value.
  public mutating func delete(_ key: [UInt8], in table: String) {
    current.tables[table]!.rows[key] = nil
    changedKeys.insert(ChangedKey(table: table, key: key))
  }

  /// Deletes the rows of a range; returns how many there were.
  public mutating func deleteRange(_ range: ModelRange, in table: String) -> Int {
    let keys = current[table].rows.keys.filter(range.contains)
    for key in keys { delete(key, in: table) }
    return keys.count
  }

  /// Advances stream time, unless it is already later.
  public mutating func advance(streamTime time: Timestamp) {
    current.streamTime = max(current.streamTime ?? time, time)
  }

  // MARK: Savepoints

  /// Remembers the transaction as it is; savepoints nest.
  public mutating func setSavepoint() { savepoints.append((current, changedKeys)) }

  /// Drops the last savepoint and all changes since.
  public mutating func rollBackToSavepoint() { (current, changedKeys) = savepoints.removeLast() }

  /// Forgets the last savepoint and keeps the changes since.
  public mutating func releaseSavepoint() { savepoints.removeLast() }

  // MARK: Ending

  /// Commits, and returns whether there was anything to commit.
  ///
  /// Partitions that `position` doesn't name stay where they were.
  @discardableResult
  public mutating func commit(_ position: Position = [:]) -> Bool {
    current.position.merge(position)
    let changes = uncommittedEntries > 0 || current != committed
    committed = current
    changedKeys = []
    return changes
  }

  /// Drops all uncommitted changes, as the loss of the process does.
  public mutating func abort() {
    current = committed
    changedKeys = []
  }
}

/// The tables, positions and stream time of a ``ModelStore`` at one moment.
public struct ModelState: Sendable, Equatable {
  /// The tables by name.
  public var tables: [String: ModelTable]
  /// How far each input partition was consumed.
  public var position: Position = [:]
  /// The greatest event timestamp seen.
  public var streamTime: Timestamp?

  /// A table; it must be one of the store's.
  public subscript(table: String) -> ModelTable { tables[table]! }
}
