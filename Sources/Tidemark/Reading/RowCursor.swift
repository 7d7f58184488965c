internal import Changelog
internal import RocksDB

/// Steps over the rows of a table, in a view or in a transaction, as bytes.
///
/// In a transaction it stands on live ground: each step sees the transaction as it then is, and what the cursor hands out
/// there are copies. After a commit or an abort the next step looks at the rows anew, behind the last key.
@usableFromInline
@safe
struct RowCursor: ~Copyable {
  enum Source {
    case view(View)
    case transaction(TransactionCore)
  }

  private let source: Source
  // The source's, which keeps them: counts of references at each step would cost more than the merge.
  private let view: Unmanaged<View>?
  private let core: Unmanaged<TransactionCore>?
  private let table: OpenTable
  private let range: KeyRange
  private let order: ScanOrder
  private let usage: StoreUsage
  private var rows: ByteCursor
  /// The transaction's when its rows were looked at.
  private var generation: UInt64
  private var atEnd = false
  private var failure: StoreError?
  private var hasRow: Bool
  private var lastKey = ByteBuffer()
  /// The row's value, if that of the rows may change while it is read.
  private var valueCopy = ByteBuffer()
  private var hasValueCopy = false

  init(
    _ source: Source, _ table: OpenTable, range: KeyRange, order: ScanOrder, after: ScanContinuation?
  ) throws(StoreError) {
    let range = after.map { range.continued(after: $0.lastKey, order) } ?? range
    let rows: ByteCursor
    switch source {
    case .view(let view):
      rows = try view.read { (runs, snapshot) throws(RocksDBError) in
        ByteCursor(
          view.engine.database.handle.makeIterator(in: table.family, at: snapshot), over: runs, table.id, range: range,
          order: order)
      }
      unsafe (self.view, core) = (Unmanaged.passUnretained(view), nil)
      usage = view.engine.usage
      generation = 0
    case .transaction(let core):
      try core.checkReadable()
      rows = core.rows(in: table, range, order)
      unsafe (view, self.core) = (nil, Unmanaged.passUnretained(core))
      usage = core.engine.usage
      generation = core.generation
    }
    self.rows = rows
    self.source = source
    self.table = table
    self.range = range
    self.order = order
    hasRow = after != nil
    if let after { lastKey.append(after.lastKey.rawSpan) }
    usage.cursorOpened()
  }

  @usableFromInline
  deinit { usage.cursorClosed() }

  /// Where the scan stands; `nil` before the first row.
  var continuation: ScanContinuation? { hasRow ? ScanContinuation(lastKey: lastKey.bytes.array) : nil }

  /// Goes to the next row; answers whether there is one.
  @usableFromInline
  mutating func next() throws(StoreError) -> Bool {
    if let failure { throw failure }
    if atEnd { return false }
    if let view = unsafe view, unsafe view._withUnsafeGuaranteedRef({ $0.isExpired }) { try checkSource() }
    guard let core = unsafe core else { return try step() }
    if unsafe core._withUnsafeGuaranteedRef({ !$0.isReadable || $0.generation != generation }) {
      try checkSource()
      lookAgain()
    }
    guard try step() else { return false }
    // Who reads the row may change the transaction; the database's rows stay where they are.
    hasValueCopy = rows.isInBatch
    if hasValueCopy {
      valueCopy.removeAll()
      valueCopy.append(rows.value)
    }
    return true
  }

  /// Throws if what it reads is over.
  @inline(never)
  private func checkSource() throws(StoreError) {
    switch source {
    case .view(let view): try view.check()
    case .transaction(let core): try core.checkReadable()
    }
  }

  /// Goes on behind the last key, in a transaction that was emptied since.
  private mutating func lookAgain() {
    guard case .transaction(let core) = source else { return }
    rows = core.rows(in: table, hasRow ? range.continued(after: lastKey.bytes.array, order) : range, order)
    generation = core.generation
  }

  /// The key of the row where it stands.
  @usableFromInline
  var key: RawSpan {
    @_lifetime(borrow self)
    get { lastKey.bytes }
  }

  /// The value of the row where it stands.
  @usableFromInline
  var value: RawSpan {
    @_lifetime(borrow self)
    get { hasValueCopy ? valueCopy.bytes : rows.value }
  }

  private mutating func step() throws(StoreError) -> Bool {
    do throws(StoreError) { atEnd = try !Self.advance(&rows, behind: lastKey) } catch {
      // A scan that failed never looks like one that ended.
      failure = error
      throw error
    }
    if atEnd { return false }
    hasRow = true
    lastKey.removeAll()
    lastKey.append(rows.key)
    return true
  }

  private static func advance(_ rows: inout ByteCursor, behind lastKey: borrowing ByteBuffer) throws(StoreError) -> Bool
  {
    try rows.advance(behind: lastKey.bytes)
  }
}
