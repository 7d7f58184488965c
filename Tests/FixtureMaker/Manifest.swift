import Foundation
package import Tidemark

/// The contents of a fixture with a store of ``FixtureTables``.
package struct Manifest: Codable, Equatable {
  /// The changelog offset, or number of commits, after opening.
  package var offset: Int64
  /// The offset that `HEAD` names before opening; `nil` if it names none.
  package var storedOffset: Int64?
  /// The receipt at `offset`.
  package var receipt: String
  /// By input partition.
  package var position: [String: Int64]
  /// Milliseconds.
  package var streamTime: Int64?
  /// Where the changelog starts; `nil` without one.
  package var changelogStart: Int64?
  /// By table and key.
  package var tables: [String: [String: String]]

  /// The manifest of an open store; `storedOffset` must be read before opening.
  package init(of store: StateStore, storedOffset: Int64?) throws {
    let (view, info) = (try store.snapshot(), try store.info())
    offset = view.offset.value
    self.storedOffset = storedOffset
    receipt = info.receipt.description
    position = Dictionary(uniqueKeysWithValues: view.position.offsets.map { ($0.key.description, $0.value.value) })
    streamTime = view.streamTime
    changelogStart = info.changelogOffsets?.start.value
    tables = try FixtureTables.rows(of: view)
  }

  /// The offset of the `HEAD` of a store's directory.
  package static func storedOffset(_ store: String) throws -> Int64? {
    let text = try String(contentsOfFile: store + "/HEAD", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix("offset ") }
    return line.flatMap { Int64($0.dropFirst("offset ".count)) }
  }

  package init(contentsOf path: String) throws {
    self = try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  package func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path))
  }
}
