import Foundation
import Testing
import Tidemark

/// The catalogue's text against the code.
@Suite struct CatalogueTests {
  private static let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  private static let catalogue = here.appending(path: "../../Sources/Tidemark/Tidemark.docc").standardizedFileURL

  static func article(_ name: String) throws -> String {
    try String(contentsOf: catalogue.appending(path: name + ".md"), encoding: .utf8)
  }

  /// The names of the articles.
  static func names() throws -> [String] { try articles().map { String($0.name.dropLast(3)) } }

  private static func articles() throws -> [(name: String, text: String)] {
    let files = try FileManager.default.contentsOfDirectory(at: catalogue, includingPropertiesForKeys: nil)
    return try files.filter { $0.pathExtension == "md" }.map {
      ($0.lastPathComponent, try String(contentsOf: $0, encoding: .utf8))
    }
  }

  /// The contents of fenced blocks, each with the language that its fence names.
  private static func blocks(of text: String) -> [(language: String, code: String)] {
    var blocks: [(language: String, code: String)] = []
    var open: (language: String, lines: [Substring])?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        if let block = open {
          blocks.append((block.language, block.lines.joined(separator: "\n") + "\n"))
          open = nil
        } else {
          open = (String(line.dropFirst(3)), [])
        }
      } else {
        open?.lines.append(line)
      }
    }
    return blocks
  }

  @Test func everySwiftBlockStandsInAFileThatIsCompiledAndRun() throws {
    // The examples of a changelog use only the public products.
    let files = try [Self.here, Self.here.appending(path: "../PublicAPITests")].flatMap {
      try FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil)
    }
    let sources = try files.filter { $0.lastPathComponent.hasSuffix("Examples.swift") }.map {
      "\n" + (try String(contentsOf: $0, encoding: .utf8))
    }
    var count = 0
    for (name, text) in try Self.articles() {
      for (language, code) in Self.blocks(of: text) {
        #expect(["swift", "text", "sh"].contains(language), "\(name) has a block without a language that is known")
        guard language == "swift" else { continue }
        count += 1
        #expect(sources.contains { $0.contains("\n" + code) }, "\(name) has Swift that isn't compiled:\n\(code)")
      }
    }
    #expect(count > 15)
  }

  @Test func everyLinkBetweenArticlesLeadsToOne() throws {
    let articles = try Self.articles()
    let names = Set(articles.map { $0.name.dropLast(3) })
    for (name, text) in articles {
      for link in text.matches(of: /<doc:([A-Za-z]+)/) {
        #expect(names.contains(link.output.1), "\(name) links to \(link.output.1)")
      }
    }
    let landing = try Self.article("Tidemark")
    for article in names where article != "Tidemark" {
      #expect(landing.contains("<doc:\(article)>"), "the landing page doesn't list \(article)")
    }
  }

  /// Seen to fail with: a link to `../Store/Engine.swift`.
  @Test func everyLinkToAFileLeadsToOne() throws {
    var count = 0
    for (name, text) in try Self.articles() {
      for link in text.matches(of: /\]\((\.\.\/[^)#]+)\)/) {
        count += 1
        let file = Self.catalogue.appending(path: String(link.output.1)).standardizedFileURL
        #expect(FileManager.default.fileExists(atPath: file.path), "\(name) links to \(link.output.1)")
      }
    }
    #expect(count > 30)
  }

  @Test func everyPictureIsThere() throws {
    for (name, text) in try Self.articles() {
      for link in text.matches(of: /!\[[^\]]+\]\(([a-z-]+)\)/) {
        let file = Self.catalogue.appending(path: "Resources/\(link.output.1).svg")
        #expect(FileManager.default.fileExists(atPath: file.path), "\(name) shows \(link.output.1)")
      }
    }
  }

  @Test func everyErrorKindHasARow() throws {
    let text = try Self.article("Errors")
    for kind in StoreError.Kind.allCases {
      #expect(text.contains("\n| `\(kind.rawValue)` |"), "Errors has no row for \(kind)")
    }
  }

  @Test func exitStatusesAreThoseOfTheCommand() throws {
    let file = Self.here.appending(path: "../../Sources/TidemarkCommand/ExitStatus.swift")
    let source = try String(contentsOf: file, encoding: .utf8)
    let numbers = Dictionary(
      uniqueKeysWithValues: source.matches(of: /case ([A-Za-z0-9]+) = (\d+)\n/).map { ($0.output.1, $0.output.2) })
    let mapping = source.components(separatedBy: "init(_ error: StoreError)").last ?? ""
    let text = try Self.article("Errors")
    var count = 0
    for line in mapping.matches(of: /case (\.[^:]+): \.([A-Za-z]+)\n/) {
      let kinds = line.output.1.split(separator: ", ").map { "`\($0.dropFirst())`" }
      count += kinds.count
      let row = "| \(numbers[line.output.2] ?? "none") | \(kinds.joined(separator: ", ")) |"
      #expect(text.contains("\n" + row + "\n"), "Errors has no row \(row)")
    }
    #expect(count == StoreError.Kind.allCases.count)
  }

  @Test func defaultsAreWhatTheArticlesSay() throws {
    let (options, log) = (StoreOptions(), FileLogOptions())
    #expect(options.storedLagBytes == 64 << 20 && options.storedLagTime == .seconds(30))
    #expect(options.waitingBytes == 32 << 20)
    #expect(options.restartTarget == nil)
    #expect(options.metrics == nil && options.metricsInterval == .seconds(10))
    #expect(options.snapshotExpiry == nil && options.tailDurability == .sync && options.createIfMissing)
    let limits = options.transactionLimits
    #expect(limits.softBytes == 16 << 20 && limits.softEntries == 100_000 && limits.softInterval == nil)
    #expect(limits.hardBytes == 48 << 20)
    #expect(MemoryBudget.shared.bytes == 512 << 20)
    #expect(log.durability == .os && log.segmentBytes == 256 << 20 && log.maxCommitBytes == 64 << 20)
    #expect(log.indexIntervalBytes == 4096)
  }
}
