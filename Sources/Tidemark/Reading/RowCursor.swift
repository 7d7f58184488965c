internal import Changelog

/// Steps over the rows of a table, in a view or in a transaction, as bytes.
///
/// In a transaction it stands on live ground: each step sees the transaction as it then is, and what the cursor hands out
/// there are copies. After a commit or an abort the next step looks at the rows anew, after the last key.
@usableFromInline
@safe
final class RowCursor {
  private let source: ReadSource
  /// Whether the rows may change while a caller holds a row.
  private let isLive: Bool
  private let table: OpenTable
  private let range: KeyRange
  private let order: ScanOrder
  // Unchecked here and below. Proof: one thread at a time uses the cursor, and what it calls can't get at it; the source
  // lets go of the rows only while no step is a read of it.
  @safe @exclusivity(unchecked) private var rows: ByteCursor
  /// The source's when its rows were looked at.
  @safe @exclusivity(unchecked) private var generation: UInt64
  @safe @exclusivity(unchecked) private var atEnd = false
  private var failure: StoreError?
  @safe @exclusivity(unchecked) private var hasRow: Bool
  @safe @exclusivity(unchecked) private var lastKey = ByteWriter()
  /// The row's value, if that of the rows may change or go while it is read.
  @safe @exclusivity(unchecked) private var valueCopy = ByteWriter()
  @safe @exclusivity(unchecked) private var hasValueCopy = false

  init(
    _ source: ReadSource, _ table: OpenTable, range: KeyRange, order: ScanOrder, after: ScanContinuation?, isLive: Bool
  ) throws(StoreError) {
    let range = after.map { range.continued(after: $0.lastKey, order) } ?? range
    self.source = source
    self.table = table
    self.range = range
    self.order = order
    self.isLive = isLive
    generation = source.generation
    try source.check()
    rows = try source.rows(in: table, range, order)
    hasRow = after != nil
    if let after { lastKey.append(after.lastKey.rawSpan) }
    source.usage.cursorOpened()
    if source.canExpire { source.add(self) }
  }

  @usableFromInline
  deinit {
    if source.canExpire { source.remove(self) }
    source.usage.cursorClosed()
  }

  /// Lets go of what it stands on; each further step throws what its source says.
  func letGo() { rows.letGo() }

  /// Where the scan stands; `nil` before the first row.
  var continuation: ScanContinuation? { hasRow ? ScanContinuation(lastKey: lastKey.withBytes { $0.array }) : nil }

  /// Moves to the next row; returns whether there is one.
  @usableFromInline
  func next() throws(StoreError) -> Bool {
    if let failure { throw failure }
    if atEnd { return false }
    if source.canExpire {
      try source.beginRead()
      defer { source.endRead() }
      return try step()
    }
    if source.generation != generation { try lookAgain() }
    return try step()
  }

  /// Goes on after the last key, in a source that has changed since.
  @inline(never)
  private func lookAgain() throws(StoreError) {
    try source.check()
    generation = source.generation
    rows = try source.rows(
      in: table, hasRow ? range.continued(after: lastKey.withBytes { $0.array }, order) : range, order)
  }

  private func step() throws(StoreError) -> Bool {
    do throws(StoreError) { atEnd = try !Self.advance(&rows, after: lastKey) } catch {
      // A scan that failed never looks like one that ended.
      failure = error
      throw error
    }
    if atEnd { return false }
    hasRow = true
    lastKey.removeAll()
    unsafe Self.append(Self.key(rows), to: &lastKey)
    // Who reads the row may change the transaction, or the view may expire; else the rows stay where they are.
    hasValueCopy = source.canExpire || (isLive && rows.isInBatch)
    if hasValueCopy {
      valueCopy.removeAll()
      unsafe Self.append(Self.value(rows), to: &valueCopy)
    }
    return true
  }

  /// How many deleted keys the last step went over, but for those in the database.
  var skippedCount: Int { rows.skippedCount }

  // MARK: The row

  /// The key of the row where it stands.
  @usableFromInline
  var key: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: the bytes are valid until the next step, and no step can happen while the cursor is borrowed.
      unsafe _overrideLifetime(RawSpan(_unsafeBytes: Self.bytes(lastKey)), borrowing: self)
    }
  }

  /// The value of the row where it stands.
  @usableFromInline
  var value: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: as for the key.
      unsafe _overrideLifetime(
        RawSpan(_unsafeBytes: hasValueCopy ? Self.bytes(valueCopy) : Self.value(rows)), borrowing: self)
    }
  }

  // Functions of one property each: what an object has can't be lent beyond one access.

  private static func advance(_ rows: inout ByteCursor, after lastKey: borrowing ByteWriter) throws(StoreError) -> Bool
  {
    try rows.advance(behind: lastKey.bytes)
  }

  private static func append(_ bytes: UnsafeRawBufferPointer, to buffer: inout ByteWriter) {
    // Proof: the caller's bytes lie in the rows, which aren't touched here.
    unsafe buffer.append(RawSpan(_unsafeBytes: bytes))
  }

  private static func bytes(_ buffer: borrowing ByteWriter) -> UnsafeRawBufferPointer {
    unsafe buffer.bytes.withUnsafeBytes { unsafe $0 }
  }
  private static func key(_ rows: borrowing ByteCursor) -> UnsafeRawBufferPointer {
    unsafe rows.key.withUnsafeBytes { unsafe $0 }
  }
  private static func value(_ rows: borrowing ByteCursor) -> UnsafeRawBufferPointer {
    unsafe rows.value.withUnsafeBytes { unsafe $0 }
  }
}
