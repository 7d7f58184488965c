import Changelog
import Foundation
import Testing

@Suite struct StoreErrorTests {
  @Test func aKindIsItsName() {
    #expect(StoreError.Kind.outOfSpace.rawValue == "outOfSpace")
    #expect("\(StoreError.Kind.outOfSpace)" == "outOfSpace")
    #expect(StoreError.Kind(rawValue: "outOfSpace") == .outOfSpace)
    #expect(Set(StoreError.Kind.allCases).count == StoreError.Kind.allCases.count)
  }

  @Test func aKindThatThisVersionDoesNotKnowIsKept() {
    let kind = StoreError.Kind(rawValue: "quotaOfTomorrow")
    #expect(!StoreError.Kind.allCases.contains(kind))
    #expect(StoreError(kind, "something else").description == "something else [quotaOfTomorrow]")
    let reaction =
      switch kind {
      case .unavailable, .outOfSpace: "try again"
      default: "stop"
      }
    #expect(reaction == "stop")
  }

  @Test func allKindsAreListed() throws {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let file = here.appending(path: "../../Sources/TidemarkBase/StoreError.swift")
    let source = try String(contentsOf: file, encoding: .utf8)
    let declared = source.matches(of: /public static let (\w+) = Self\(rawValue: "(\w+)"\)/)
    #expect(declared.allSatisfy { $0.output.1 == $0.output.2 })
    #expect(declared.map { String($0.output.2) } == StoreError.Kind.allCases.map(\.rawValue))
  }
}
