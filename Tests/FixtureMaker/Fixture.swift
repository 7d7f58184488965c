import Foundation

/// A directory of a format version, as the program of that version left it.
package struct Fixture {
  /// Where fixtures are made.
  ///
  /// `BASE` and the table `inputs` hold absolute paths below it.
  package static let root = "/tmp/tidemark-fixtures"

  /// The fixture's path in the repository.
  package let source: String
  /// The copy, which a test may change.
  package let path: String

  /// Copies a fixture to a directory, which must not exist, as files that only their owner can access.
  ///
  /// `BASE` files lead to the copy afterwards. Empty directories aren't in the repository: the store makes its own.
  package init(_ name: String, version: Int = 1, to path: String) throws {
    let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("TidemarkTests/Fixtures/version-\(version)")
    source = fixtures.appendingPathComponent(name).path
    self.path = path
    let manager = FileManager.default
    let directory: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
    try manager.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: directory)
    for entry in try manager.subpathsOfDirectory(atPath: source).sorted() {
      let (from, to) = (source + "/" + entry, path + "/" + entry)
      var isDirectory: ObjCBool = false
      _ = unsafe manager.fileExists(atPath: from, isDirectory: &isDirectory)  // Proof: the flag outlives the call.
      if isDirectory.boolValue {
        try manager.createDirectory(atPath: to, withIntermediateDirectories: true, attributes: directory)
        continue
      }
      var bytes = try Data(contentsOf: URL(fileURLWithPath: from))
      if entry.hasSuffix("/BASE") {
        let base = String(decoding: bytes, as: UTF8.self)
        bytes = Data(base.replacingOccurrences(of: Self.root + "/" + name, with: path).utf8)
      }
      guard manager.createFile(atPath: to, contents: bytes, attributes: [.posixPermissions: 0o600]) else {
        throw CocoaError(.fileWriteUnknown)
      }
    }
  }

  package func callAsFunction(_ name: String) -> String { path + "/" + name }
}
