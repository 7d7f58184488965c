public import Changelog
internal import Glibc
internal import RocksDB

/// The result of a read: a value in place, in a batch or pinned in the database, or a copy.
///
/// Its memory is valid until this result is released or, for a transaction's own changes, until the transaction
/// changes.
///
/// Its fields are pointers and integers. With other types the module of a caller would allocate the result on the heap:
/// types of modules that are imported internally are unknown there.
@usableFromInline
@safe
struct FoundValue: ~Copyable {
  /// The kind of owner that keeps the value's memory; its reference is released with this value.
  private enum Keeper: UInt8 {
    case nobody, pin, run, copy
  }

  /// `nil` if there is no value.
  private let start: UnsafeRawPointer?
  private let count: Int
  private let kept: UnsafeMutableRawPointer?
  private let keeper: Keeper

  /// The entry of a batch, which doesn't change meanwhile: that of a transaction or of a run.
  @inline(__always)
  init(_ entry: BatchEntry, in run: Run? = nil) {
    let value = unsafe entry.value
    unsafe start = entry.state == .deleted ? nil : UnsafeRawPointer(value.baseAddress)
    count = value.count
    unsafe kept = run.map { unsafe Unmanaged.passRetained($0).toOpaque() }
    keeper = run == nil ? .nobody : .run
  }

  /// What a batch says about a key that may change soon.
  init(copying entry: BatchEntry) {
    let value = unsafe entry.value
    count = value.count
    keeper = .copy
    guard entry.state != .deleted else {
      unsafe start = nil
      unsafe kept = nil
      return
    }
    let copy = unsafe malloc(max(value.count, 1))!
    // Proof: the entry's memory is there during the call, and the copy has its size.
    if let bytes = value.baseAddress { unsafe copy.copyMemory(from: bytes, byteCount: value.count) }
    unsafe kept = copy
    unsafe start = UnsafeRawPointer(copy)
  }

  /// What the database has.
  init(_ pinned: consuming RocksDB.PinnedValue) {
    let (pin, start, count) = unsafe pinned.takePin()
    unsafe self.start = pin == nil ? nil : start
    self.count = count
    unsafe kept = pin
    keeper = .pin
  }

  // Here, so that it isn't put together in the module of the caller, which Swift 6.3's compiler crashes over.
  @usableFromInline
  deinit {
    guard let kept = unsafe kept else { return }
    // Proof: each was taken for this by the initializer of its kind, and this goes once.
    switch keeper {
    case .nobody: break
    case .pin: unsafe RocksDB.PinnedValue.unpin(kept)
    case .run: unsafe Unmanaged<Run>.fromOpaque(kept).release()
    case .copy: unsafe free(kept)
    }
  }

  /// Whether the key has a value.
  @usableFromInline
  var isPresent: Bool { unsafe start != nil }

  /// The value's bytes; none without a value.
  @usableFromInline
  var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      // Proof: their owner leaves them in place during the borrow.
      let span = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(start: start, count: isPresent ? count : 0))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Calls `body` with the value's bytes; `nil` if there is none.
  ///
  /// A method, as the caller would get this allocated if it were a variable there.
  @inlinable
  func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R? { isPresent ? try body(bytes) : nil }
}

extension FoundValue {
  /// The value of a key; `nil` if there is none.
  @inlinable
  func decoded<K, V>(in table: Table<K, V>, _ key: K.Value) throws(StoreError) -> V.Value? {
    isPresent ? try table.value(bytes, of: key) : nil
  }
}
