import Testing

/// Arrows between the folders of a module point downward: no file uses a name that a folder above its own declares.
///
/// The check compares words, which is enough because names differ: top-level types, functions and variables, and
/// members (except initializers) of extensions whose type is declared below the extension or in another module. A name
/// that is also declared below counts as that declaration.
@Suite struct FolderOrderTests {
  /// The folders of each module, from bottom to top; "" is the module's own folder.
  static let folders: KeyValuePairs<String, [String]> = [
    "Changelog": ["", "Batches", "FileLog"],
    "Tidemark": [
      "", "Codecs", "Tables", "Options", "Batch", "Database", "Directory", "Observing", "Reading", "Materializer",
      "Restore", "Writer", "Store",
    ],
    "TidemarkTesting": ["", "Conformance", "Disk", "Isolation"],
  ]

  /// A file and its place in the order.
  private struct Placed {
    let file: SourceFile
    let rank: Int
    let declarations: [SourceFile.Declaration]
  }

  /// Seen to fail with: a call of `Head.write` in `Database/OffsetsFamily.swift`, and `String.shortened` of `Codecs` declared
  /// in `Tables`.
  @Test(arguments: folders.map(\.key)) func noFileUsesANameOfAFolderAboveIt(_ module: String) throws {
    let files = try place(module)
    let ranks = lowestRanks(files)
    for user in files {
      for use in user.file.uses {
        let name = Name(text: use.name, isMember: false)
        if !use.isMember || use.name.first?.isUppercase == true, let rank = ranks[name], rank > user.rank {
          Issue.record("\(describe(user, use)) uses \(use.name) of \(folder(module, rank)), which stands above it")
        }
        let member = Name(text: use.name, isMember: true)
        if use.isMember, let rank = ranks[member], rank > user.rank {
          Issue.record("\(describe(user, use)) uses .\(use.name), added in \(folder(module, rank)) above it")
        }
      }
    }
  }

  private func describe(_ user: Placed, _ use: SourceFile.Use) -> String { "\(user.file.path):\(use.line)" }

  private func folder(_ module: String, _ rank: Int) -> String {
    Self.folders.first { $0.key == module }.map { $0.value[rank] } ?? ""
  }

  private func place(_ module: String) throws -> [Placed] {
    let order = Self.folders.first { $0.key == module }?.value ?? []
    return try SourceFile.all(in: "Sources/\(module)").compactMap { file in
      let parts = file.path.split(separator: "/")
      let folder = parts.count > 3 ? String(parts[2]) : ""
      guard let rank = order.firstIndex(of: folder) else {
        Issue.record("\(file.path): the folder has no place in the order")
        return nil
      }
      return Placed(file: file, rank: rank, declarations: file.declarations)
    }
  }

  private struct Name: Hashable {
    let text: String
    let isMember: Bool
  }

  /// The lowest folder that declares each name, at the top level or as a member in an extension.
  private func lowestRanks(_ files: [Placed]) -> [Name: Int] {
    var ranks: [Name: Int] = [:]
    for file in files {
      for declaration in file.declarations where declaration.extended == nil {
        let name = Name(text: declaration.name, isMember: false)
        ranks[name] = min(ranks[name] ?? file.rank, file.rank)
      }
    }
    let types = ranks
    for file in files {
      for declaration in file.declarations {
        guard let extended = declaration.extended else { continue }
        // Code that has a value of a type of this folder is no lower than the folder.
        if let own = types[Name(text: extended, isMember: false)], own >= file.rank { continue }
        let name = Name(text: declaration.name, isMember: true)
        ranks[name] = min(ranks[name] ?? file.rank, file.rank)
      }
    }
    for file in files {
      for text in file.file.declaredNames {
        let name = Name(text: text, isMember: true)
        if let rank = ranks[name] { ranks[name] = min(rank, file.rank) }
      }
    }
    return ranks
  }
}
