import Foundation
import Testing

@Suite struct ScanTests {
  let directory: TemporaryDirectory
  let state: String

  init() throws {
    directory = try TemporaryDirectory()
    state = directory("state")
    let file = try directory.write(
      """
      country,city,price,grade
      DE,Berlin,10,9
      DE,Bonn,2.50,10
      DE,"Bad ""Ems"", D",,x
      D,Köln,7,
      FR,Nice,-1,8
      FR,Nice,0.5,11

      """, to: "sales.csv")
    let outcome = try tidemark(
      "aggregate", file, "--group-by", "country,city", "--sum", "price", "--count", "--last", "grade", "--state", state)
    try #require(outcome.status == 0, "\(outcome.error)")
  }

  /// The cities that a command prints.
  func cities(_ arguments: String...) throws -> [String] {
    let outcome = try run(commandPath(), arguments + ["--json", "--state", state])
    #expect(outcome.status == 0, "\(outcome.error)")
    return try outcome.output.split(separator: "\n").map { line in
      let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return row?["city"] as? String ?? "?"
    }
  }

  @Test func rangesOfKeysAreScannedInBothDirections() throws {
    let ems = "Bad \"Ems\", D"
    #expect(try cities("scan") == ["Köln", ems, "Berlin", "Bonn", "Nice"])
    #expect(try cities("scan", "--reverse", "--limit", "2") == ["Nice", "Bonn"])
    #expect(try cities("scan", "--limit", "0") == [])
    #expect(try cities("scan", "--prefix", "D") == ["Köln", ems, "Berlin", "Bonn"])
    #expect(try cities("scan", "--prefix", "DE") == [ems, "Berlin", "Bonn"])
    #expect(try cities("scan", "--prefix", "DE", "--prefix", "Be") == ["Berlin"])
    #expect(try cities("scan", "--prefix", "D", "--prefix", "") == ["Köln"])
    #expect(try cities("scan", "--from", "DE", "--from", "Berlin") == ["Berlin", "Bonn", "Nice"])
    #expect(try cities("scan", "--from", "DE", "--to", "FR") == [ems, "Berlin", "Bonn"])
    #expect(try cities("scan", "--to", "DE", "--to", "Bonn", "--reverse") == ["Berlin", ems, "Köln"])
  }

  @Test func rowsArePrintedAsCSVAndAsText() throws {
    #expect(
      try tidemark("scan", "--csv", "--prefix", "DE", "--state", state).output == """
        country,city,count,sum(price),last(grade)
        DE,"Bad ""Ems"", D",1,,x
        DE,Berlin,1,10,9
        DE,Bonn,1,2.5,10

        """)
    #expect(
      try tidemark("scan", "--limit", "1", "--state", state).output
        == "country\tcity\tcount\tsum(price)\tlast(grade)\nD\tKöln\t1\t7\t\n")
  }

  @Test func topOrdersNumbersByValue() throws {
    let ems = "Bad \"Ems\", D"
    #expect(try cities("top", "3", "--by", "sum(price)") == ["Berlin", "Köln", "Bonn"])
    // Rows without a value come last, in both directions.
    #expect(try cities("top", "--by", "price") == ["Berlin", "Köln", "Bonn", "Nice", ems])
    #expect(try cities("top", "--by", "price", "--reverse") == ["Nice", "Bonn", "Köln", "Berlin", ems])
    #expect(try cities("top", "2", "--by", "count") == ["Nice", "Köln"])
    // Texts that are numbers are ordered as numbers, below other texts.
    #expect(try cities("top", "--by", "last(grade)") == [ems, "Nice", "Bonn", "Berlin", "Köln"])
    #expect(try cities("top", "1", "--by", "price", "--prefix", "FR") == ["Nice"])
  }

  @Test func manyGroupsAreRankedAsASortWould() throws {
    let file = try directory.write(orders(6000), to: "orders.csv")
    let many = directory("many")
    try tidemark("aggregate", file, "--group-by", "order", "--sum", "amount", "--state", many)
    let all = try tidemark("scan", "--csv", "--state", many).output.split(separator: "\n").dropFirst()
    var expected = Array(all)
    // By value, and by key where values are equal; the library's sort is stable.
    expected.sort { amount($0) > amount($1) }
    for count in [1, 7, 1500] {
      let top = try tidemark("top", "\(count)", "--by", "amount", "--csv", "--state", many).output
      #expect(Array(top.split(separator: "\n").dropFirst()) == Array(expected.prefix(count)))
    }
  }

  private func amount(_ line: Substring) -> Double { Double(line.split(separator: ",")[1]) ?? .nan }

  @Test func wrongOptionsAreExplained() throws {
    for arguments in [
      ["scan", "--prefix", "a", "--from", "b"], ["scan", "--json", "--csv"], ["scan", "--limit", "-1"],
      ["scan", "--prefix", "a", "--prefix", "b", "--prefix", "c"], ["top", "0", "--by", "count"],
    ] {
      #expect(try run(commandPath(), arguments + ["--state", state]).status == 64, "\(arguments)")
    }
    let outcome = try tidemark("top", "3", "--by", "sum(prize)", "--state", state)
    #expect(outcome.status == 64)
    #expect(outcome.error.contains("there are \"count\", \"sum(price)\", \"last(grade)\""), "\(outcome.error)")
  }
}
