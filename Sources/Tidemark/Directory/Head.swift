internal import Changelog
internal import RocksDB

/// What the database must at least contain.
///
/// Written and synced after each flush, compared before each writable open.
///
/// RocksDB can open a damaged MANIFEST as an empty database, and deletes the table files that it doesn't know then. A
/// read-only open deletes nothing; what it shows is compared with this file first.
///
/// Text, one field a line:
///
/// ```
/// tidemark-head 1
/// offset 1234                    the stored offset, or - before anything was stored
/// receipt 0123456789abcdef       of the commit that ends there
/// manifest 17                    the number of the MANIFEST that CURRENT named
/// crc32c 89abcdef                over the lines above
/// ```
struct Head: Sendable, Equatable {
  /// The stored offset and its receipt; `nil` before anything was stored.
  var stored: (offset: Offset, receipt: Receipt)?
  /// The number of the MANIFEST.
  var manifest: UInt64

  static func == (a: Head, b: Head) -> Bool {
    a.manifest == b.manifest && a.stored?.offset == b.stored?.offset && a.stored?.receipt == b.stored?.receipt
  }

  var text: String {
    let body = """
      tidemark-head 1
      offset \(stored.map { "\($0.offset)" } ?? "-")
      receipt \(stored.map { "\($0.receipt)" } ?? "-")
      manifest \(manifest)

      """
    return body + "crc32c \(Self.checksum(body))\n"
  }

  init(stored: (offset: Offset, receipt: Receipt)?, manifest: UInt64) {
    self.stored = stored
    self.manifest = manifest
  }

  init(parsing bytes: [UInt8], file: String) throws(StoreError) {
    let damaged = StoreError(
      .corrupted, "HEAD is damaged; rebuild the store from its changelog, or put back a copy of the file",
      ["file": file])
    guard let text = String(validating: bytes, as: UTF8.self) else { throw damaged }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if let first = lines.first, first.hasPrefix("tidemark-head "), first != "tidemark-head 1" {
      throw StoreError(.unsupported, "HEAD is of a newer version", ["file": file, "found": String(first)])
    }
    guard lines.count == 6, lines[5].isEmpty, lines[4].hasPrefix("crc32c "),
      lines[4].dropFirst(7) == Self.checksum(lines[0..<4].joined(separator: "\n") + "\n"),
      lines[1].hasPrefix("offset "), lines[2].hasPrefix("receipt "), lines[3].hasPrefix("manifest "),
      let manifest = UInt64(lines[3].dropFirst(9))
    else { throw damaged }
    self.manifest = manifest
    if lines[1] == "offset -" {
      stored = nil
    } else {
      guard let offset = Int64(lines[1].dropFirst(7)), let receipt = UInt64(lines[2].dropFirst(8), radix: 16) else {
        throw damaged
      }
      stored = (Offset(offset), Receipt(receipt))
    }
  }

  /// Writes the file if table files hold more than `head` says, and remembers it there; reads what they hold.
  static func write(
    _ database: SharedDatabase, _ directory: StoreDirectory, over head: inout Head?
  ) throws(StoreError) {
    try write(try database.state(), directory, over: &head)
  }

  /// Writes the file if table files hold more than `head` says, and remembers it there.
  ///
  /// The database has `stored` for good: it is in the MANIFEST that CURRENT names by now, or in a later one.
  static func write(
    _ stored: CommittedState?, _ directory: StoreDirectory, over head: inout Head?
  ) throws(StoreError) {
    guard let manifest = try directory.manifestNumber() else {
      throw StoreError(.corrupted, "CURRENT is gone; reopen the store", ["file": directory.current])
    }
    let current = Head(stored: stored.map { ($0.offset, $0.receipt) }, manifest: manifest)
    if head == current { return }
    try directory.storage.replace(directory.head, with: Array(current.text.utf8))
    head = current
  }

  private static func checksum(_ text: String) -> String {
    String(crc32c(0, Array(text.utf8).rawSpan), radix: 16)
  }
}
