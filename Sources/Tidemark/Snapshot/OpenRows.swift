internal import Changelog

/// The iterator of a scan, which can be closed under the scan by who changes what it walks over.
final class OpenRows {
  private var cursor: ByteCursor?

  init(_ cursor: consuming ByteCursor) { self.cursor = consume cursor }

  var isClosed: Bool {
    switch cursor {
    case .some: false
    case .none: true
    }
  }

  /// Gives the iterator back.
  func close() { cursor = nil }

  /// Goes to the first or the next row; `false` at the end of the range. It must be open.
  func advance() throws(StoreError) -> Bool { try cursor!.advance() }

  /// Calls `body` with the row, which must not change what the scan walks over.
  func withRow<R>(_ body: (_ key: RawSpan, _ value: RawSpan) -> R) -> R { cursor!.withRow(body) }
}
