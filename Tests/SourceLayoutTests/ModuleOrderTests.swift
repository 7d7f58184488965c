import Testing

/// Arrows between modules point downward: a target imports only modules below it.
@Suite struct ModuleOrderTests {
  /// The modules of this package and of others that each target of `Sources` may import, from bottom to top.
  static let imports: KeyValuePairs<String, Set<String>> = [
    "TidemarkBase": ["CChecksum"],
    "Changelog": ["CChecksum", "TidemarkBase"],
    "RocksDB": ["CRocksDB"],
    "Tidemark": ["CIntrinsics", "TidemarkBase", "Changelog", "RocksDB", "Logging", "CoreMetrics"],
    "TidemarkTesting": ["Changelog", "RocksDB", "Tidemark"],
    "RowInput": ["CChecksum", "CLongDecimal"],
    "TidemarkCommand": ["Tidemark", "RowInput", "ArgumentParser", "Logging"],
  ]
  /// Modules that come with Swift.
  private static let system: Set = ["Dispatch", "Foundation", "Glibc", "Synchronization"]

  /// Seen to fail with: `internal import RocksDB` in `Sources/Changelog/Position.swift`.
  @Test func noTargetImportsWhatStandsAboveIt() throws {
    for file in try SourceFile.all(in: "Sources") {
      let target = String(file.path.split(separator: "/")[1])
      let allowed = Self.imports.first { $0.key == target }?.value
      #expect(allowed != nil, "\(file.path): the target has no place in the order")
      for module in file.imports where !Self.system.contains(module.text) {
        #expect(
          allowed?.contains(module.text) ?? true,
          "\(file.path):\(module.line): \(target) must not import \(module.text)")
      }
    }
  }

  @Test func theOrderIsOne() {
    var below: Set<String> = []
    let targets = Set(Self.imports.map(\.key))
    for (target, imports) in Self.imports {
      #expect(imports.intersection(targets).isSubset(of: below), "\(target) imports what stands above it")
      below.insert(target)
    }
  }
}
