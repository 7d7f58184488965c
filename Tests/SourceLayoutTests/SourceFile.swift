/// A Swift file of the repository.
struct SourceFile {
  /// From the repository's root on.
  let path: String
  let tokens: [Token]

  init(path: String, text: String) {
    self.path = path
    tokens = Tokenizer.tokens(of: text)
  }

  static func all(in folder: String) throws -> [SourceFile] {
    try SourceText.all(in: folder).map { SourceFile(path: $0.path, text: $0.text) }
  }

  // MARK: Imports

  /// The imported modules, with their lines.
  var imports: [Token] {
    tokens.indices.filter { tokens[$0].text == "import" }.compactMap { index in
      var next = index + 1
      if next < tokens.count, Self.kinds.contains(tokens[next].text) { next += 1 }
      return next < tokens.count ? tokens[next] : nil
    }
  }

  // MARK: Declarations

  private static let kinds: Set = [
    "struct", "class", "enum", "protocol", "actor", "typealias", "func", "var", "let", "case",
  ]
  private static let typeKinds: Set = ["struct", "class", "enum", "protocol", "actor", "typealias"]
  private static let modifiers: Set = [
    "public", "package", "internal", "private", "fileprivate", "open", "final", "indirect", "static", "mutating",
    "nonmutating", "borrowing", "consuming", "lazy", "weak", "unowned", "override", "required", "nonisolated",
  ]

  /// A name that other files may use.
  struct Declaration {
    let name: String
    /// The extended type, if the name is a member in an extension.
    let extended: String?
  }

  /// The file's declarations at the top level and in extensions, except private ones.
  var declarations: [Declaration] {
    var declarations: [Declaration] = []
    var depth = 0
    var extended: String?
    for (index, token) in tokens.enumerated() {
      switch token.text {
      case "{", "(": depth += 1
      case "}", ")":
        depth -= 1
        if depth == 0, token.text == "}" { extended = nil }
      case "extension" where depth == 0: extended = index + 1 < tokens.count ? tokens[index + 1].text : nil
      default:
        guard Self.kinds.contains(token.text), index + 1 < tokens.count, tokens[index + 1].isWord else { continue }
        guard depth == 0 || (depth == 1 && extended != nil), !isPrivate(index), !isImport(index) else { continue }
        declarations.append(Declaration(name: tokens[index + 1].text, extended: extended))
      }
    }
    return declarations
  }

  /// Every name that is declared anywhere in the file, parameters left out.
  var declaredNames: Set<String> {
    Set(
      tokens.indices.dropLast().filter { Self.kinds.contains(tokens[$0].text) && tokens[$0 + 1].isWord }.map {
        tokens[$0 + 1].text
      })
  }

  private func isImport(_ index: Int) -> Bool { index > 0 && tokens[index - 1].text == "import" }

  private func isPrivate(_ index: Int) -> Bool {
    var place = index - 1
    while place >= 0, Self.modifiers.contains(tokens[place].text) {
      if tokens[place].text.hasSuffix("private") { return true }
      place -= 1
    }
    return false
  }

  // MARK: Uses

  /// A name that the file uses.
  struct Use {
    let name: String
    let line: Int
    /// Whether it follows a full stop.
    let isMember: Bool
  }

  /// The names that the file uses, without labels of arguments.
  var uses: [Use] {
    tokens.enumerated().compactMap { index, token in
      guard token.isWord else { return nil }
      let isMember = index > 0 && tokens[index - 1].text == "."
      let isLower = token.text.first?.isLowercase ?? false
      let isLabel = isLower && index + 1 < tokens.count && tokens[index + 1].text == ":"
      return isLabel ? nil : Use(name: token.text, line: token.line, isMember: isMember)
    }
  }
}
