import Foundation
import FuzzTargets
import Testing

/// Runs the kept fuzzing inputs without the fuzzer, so that fixed failures stay fixed.
@Suite struct CorpusTests {
  private static let corpus = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Fuzz/Corpus").standardizedFileURL

  private func check(_ target: FuzzTarget, _ input: [UInt8], _ name: String) {
    do {
      // Proof: bytes have no padding.
      try target.check(unsafe input.span.bytes)
    } catch {
      Issue.record("\(target.name), \(name): \(error)")
    }
  }

  @Test(arguments: FuzzTarget.all) func keptInputsBreakNothing(_ target: FuzzTarget) throws {
    let folder = Self.corpus.appending(path: target.name)
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    #expect(!files.isEmpty, "\(target.name) has no corpus")
    for file in files.sorted(by: { $0.path < $1.path }) {
      check(target, Array(try Data(contentsOf: file)), file.lastPathComponent)
    }
  }

  @Test(arguments: FuzzTarget.all) func seedsBreakNothing(_ target: FuzzTarget) throws {
    let seeds = try target.seeds()
    #expect(!seeds.isEmpty)
    #expect(try target.seeds() == seeds, "the seeds of \(target.name) are others each time")
    for (number, seed) in seeds.enumerated() {
      #expect(seed.count <= target.greatestBytes)
      check(target, seed, "seed \(number)")
    }
  }

  @Test func everyFolderOfTheCorpusIsOfATarget() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
    #expect(Set(folders).isSubset(of: FuzzTarget.all.map(\.name)))
  }
}
