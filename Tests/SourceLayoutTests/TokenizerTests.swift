import Testing

/// The tests of the order are only as good as the tokens that they compare.
@Suite struct TokenizerTests {
  private func words(_ source: String) -> [String] {
    Tokenizer.tokens(of: source).filter(\.isWord).map(\.text)
  }

  @Test func commentsAndTextAreNoNames() {
    #expect(words("a // b\n/* c /* d */ e */ f") == ["a", "f"])
    #expect(words(##"a "b \" c" d #"e " \ f"# g"##) == ["a", "d", "g"])
    #expect(words("a \"\"\"\n b \" c\n \"\"\" d") == ["a", "d"])
  }

  @Test func whatIsInterpolatedIsCode() {
    #expect(words(##"a "b \(c("d", e)) f" g #"h \(i) \#(j)"# k"##) == ["a", "c", "e", "g", "j", "k"])
  }

  @Test func declarationsAreThoseThatOthersMayUse() {
    let file = SourceFile(
      path: "a.swift",
      text: """
        internal import struct Synchronization.Atomic
        public struct A { struct B {} }
        private final class C {}
        func d(_ e: Int) { let f = 1 }
        extension A {
          static var g: Int { 1 }
          private func h() {}
        }
        """)
    #expect(file.imports.map(\.text) == ["Synchronization"])
    #expect(file.declarations.map { ($0.extended.map { $0 + "." } ?? "") + $0.name } == ["A", "d", "A.g"])
  }
}
