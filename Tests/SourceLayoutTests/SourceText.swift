import Foundation

/// The text of a Swift file.
struct SourceText {
  /// From the repository's root on.
  let path: String
  let text: String

  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appending(path: "../..").standardizedFileURL

  /// The Swift files of a folder of the repository, except build products.
  static func all(in folder: String) throws -> [SourceText] {
    var files: [SourceText] = []
    let paths = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
    while let path = paths?.nextObject() as? String {
      if path.hasSuffix(".build") { paths?.skipDescendants() }
      guard path.hasSuffix(".swift") else { continue }
      let text = try String(contentsOf: root.appending(path: "\(folder)/\(path)"), encoding: .utf8)
      files.append(SourceText(path: "\(folder)/\(path)", text: text))
    }
    return files
  }
}
