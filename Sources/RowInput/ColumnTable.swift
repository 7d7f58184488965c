internal import Glibc

/// The distinct names of the wanted columns, each under an index.
struct ColumnTable: Sendable {
  /// The names, each once.
  private(set) var names: [String] = []
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  /// Makes a table of names, which may repeat.
  init(_ names: [String]) {
    for name in names where index(of: name) == nil {
      self.names.append(name)
      bytes.append(contentsOf: name.utf8)
      ends.append(bytes.count)
    }
  }

  /// The index of the column with this name, byte for byte: `String` would treat two spellings of é as equal.
  func index(of name: String) -> Int? { index(of: Array(name.utf8).rawBytes) }

  /// The index of the column with this name, byte for byte: O(columns).
  func index(of name: RawSpan) -> Int? {
    var start = 0
    for index in ends.indices {
      let end = ends[index]
      if end - start == name.byteCount, name.equals(bytes.rawBytes.extracting(start..<end)) { return index }
      start = end
    }
    return nil
  }
}

extension RawSpan {
  /// Whether two spans hold the same bytes.
  func equals(_ other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    if byteCount == 0 { return true }
    // Proof: both pointers are to `byteCount` bytes, which is more than none.
    return unsafe withUnsafeBytes { left in
      unsafe other.withUnsafeBytes { unsafe memcmp(left.baseAddress!, $0.baseAddress!, left.count) == 0 }
    }
  }
}
