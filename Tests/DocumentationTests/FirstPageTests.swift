import Foundation
import Testing

/// The first pages against the Makefile, CI and the list of releases.
@Suite struct FirstPageTests {
  private static let root = URL(fileURLWithPath: #filePath).appending(path: "../../..").standardizedFileURL

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The Makefile's targets that are commands.
  private static func targets() throws -> Set<String> {
    let makefile = try text("Makefile").replacing("\\\n", with: "")
    let phony = try #require(makefile.firstMatch(of: /\n\.PHONY:(.*)\n/))
    return Set(phony.output.1.split(separator: " ").map { String($0) })
  }

  @Test func everyCommandOfThePagesIsATarget() throws {
    let targets = try Self.targets()
    let articles = try CatalogueTests.names().map { "Sources/Tidemark/Tidemark.docc/" + $0 + ".md" }
    var count = 0
    for page in ["README.md", "CONTRIBUTING.md", "SECURITY.md", ".ci/run"] + articles {
      // In a sentence, a command stands between backticks; in a block, at the beginning of a line.
      let command = /(?:^|`)make ([a-z][a-z-]*)(?:`|$| +#| [A-Z_]+=)/.anchorsMatchLineEndings()
      for command in try Self.text(page).matches(of: command) {
        count += 1
        #expect(targets.contains(String(command.output.1)), "\(page) has `make \(command.output.1)`")
      }
    }
    #expect(count > 20)
  }

  @Test func everyTargetIsInTheListAtTheTopOfTheMakefile() throws {
    let list = try Self.text("Makefile").split(separator: "\n\n")[0]
    let listed = list.matches(of: /^# make ([a-z-]+)|, make ([a-z-]+)/.anchorsMatchLineEndings())
      .map { String($0.output.1 ?? $0.output.2 ?? "") }
    #expect(Set(listed) == (try Self.targets()))
  }

  @Test func ciRunsTheTestCommandOfTheReadme() throws {
    #expect(try Self.text("README.md").contains("\nmake test "))
    #expect(try Self.text(".ci/run").contains("\nmake test\n"))
  }

  @Test func theVersionToDependOnIsInTheListOfReleases() throws {
    let changelog = try Self.text("CHANGELOG.md")
    for page in ["README.md", "Sources/Tidemark/Tidemark.docc/GettingStarted.md"] {
      let line = try #require(try Self.text(page).firstMatch(of: /\.package\(url: "[^"]+", from: "([0-9.]+)"\)/))
      #expect(changelog.contains("\n## [\(line.output.1)]") || changelog.contains("\nTo be \(line.output.1).\n"))
    }
  }
}
