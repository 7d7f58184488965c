import Foundation
import Testing

@Suite struct AggregateTests {
  let directory: TemporaryDirectory
  var state: String { directory("state") }

  init() throws { directory = try TemporaryDirectory() }

  @Test func csvIsAggregatedExactly() throws {
    let file = try directory.write(
      "\u{FEFF}country,city,price\r\nDE,\"Berlin, \"\"B\"\"\",0.10\r\nDE,\"Berlin, \"\"B\"\"\",0.20\r\n"
        + "FR,\"Two\nlines\",-3\r\nDE,,\r\n", to: "sales.csv")
    let run = try tidemark(
      "aggregate", file, "--group-by", "country,city", "--count", "--sum", "price", "--min", "price", "--max", "price",
      "--last", "price", "--state", state)
    #expect(run.status == 0, "\(run.error)")
    #expect(
      try tidemark("scan", "--json", "--state", state).output == """
        {"country":"DE","city":"","count":1,"sum(price)":null,"min(price)":null,"max(price)":null,"last(price)":null}
        {"country":"DE","city":"Berlin, \\"B\\"","count":2,"sum(price)":0.3,"min(price)":0.1,"max(price)":0.2,"last(price)":"0.20"}
        {"country":"FR","city":"Two\\nlines","count":1,"sum(price)":-3,"min(price)":-3,"max(price)":-3,"last(price)":"-3"}

        """)
    #expect(
      try tidemark("get", "FR", "Two\nlines", "--state", state).output
        == "{\"country\":\"FR\",\"city\":\"Two\\nlines\",\"count\":1,\"sum(price)\":-3,\"min(price)\":-3,"
        + "\"max(price)\":-3,\"last(price)\":\"-3\"}\n")
    #expect(try tidemark("get", "FR", "Nice", "--state", state).status == 1)
    #expect(try tidemark("verify", "--state", state).status == 0)
  }

  @Test func jsonLinesAreAggregatedLikeCSV() throws {
    let file = try directory.write(
      "{\"k\":\"a\",\"v\":1.5}\n{\"v\":\"2\",\"k\":\"a\"}\n\n{\"k\":\"b\",\"v\":null}\n", to: "rows.ndjson")
    try tidemark("aggregate", file, "--group-by", "k", "--sum", "v", "--count", "--state", state)
    #expect(
      try tidemark("scan", "--json", "--state", state).output
        == "{\"k\":\"a\",\"count\":2,\"sum(v)\":3.5}\n{\"k\":\"b\",\"count\":1,\"sum(v)\":null}\n")
  }

  @Test func severalFilesAreReadOnceAndGrownOnesFurther() throws {
    let first = try directory.write("k,v\na,1\nb,2\n", to: "1.csv")
    let second = try directory.write("v,k\n10,a\n", to: "2.csv")
    let arguments = ["--group-by", "k", "--sum", "v", "--state", state]
    _ = try run(commandPath(), ["aggregate", first, second] + arguments)
    _ = try run(commandPath(), ["aggregate", first, second] + arguments)
    #expect(try tidemark("get", "a", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":11}\n")
    _ = try directory.write("k,v\na,1\nb,2\na,100\n", to: "1.csv")
    _ = try run(commandPath(), ["aggregate", first, second] + arguments)
    #expect(try tidemark("get", "a", "--state", state).output == "{\"k\":\"a\",\"sum(v)\":111}\n")
  }

  @Test func aSignalCommitsAndTheSameCommandGoesOn() throws {
    let file = try directory.write(orders(60_000), to: "orders.csv")
    let arguments = [
      "aggregate", file, "--group-by", "customer", "--count", "--sum", "amount", "--last", "item",
      "--commit-records", "500",
    ]
    _ = try run(commandPath(), arguments + ["--state", directory("whole")])
    for (signal, status) in [(SIGTERM, 143), (SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)] {
      let child = Process()
      child.executableURL = URL(fileURLWithPath: commandPath())
      child.arguments = arguments + ["--state", state, "--progress", "json"]
      let pipe = Pipe()
      child.standardError = pipe
      try child.run()
      var said = ""
      while !said.contains("\"progress\"") {
        let more = pipe.fileHandleForReading.availableData
        if more.isEmpty { break }
        said += String(decoding: more, as: UTF8.self)
      }
      kill(child.processIdentifier, signal)
      _ = pipe.fileHandleForReading.readDataToEndOfFile()
      child.waitUntilExit()
      #expect(child.terminationReason == .exit)
      #expect(child.terminationStatus == status)
    }
    #expect(try run(commandPath(), arguments + ["--state", state]).status == 0)
    let whole = try tidemark("scan", "--json", "--state", directory("whole")).output
    #expect(try tidemark("scan", "--json", "--state", state).output == whole)
    #expect(try tidemark("verify", "--state", state).status == 0)
  }

  @Test func theDemoSurvivesItsKills() throws {
    let run = try tidemark("demo", "--records", "60000", "--kills", "5", "--directory", directory("demo"))
    #expect(run.status == 0, "\(run.error)")
    #expect(run.output.contains("agree with an independent recomputation"))
    #expect(run.output.components(separatedBy: "SIGKILL").count == 6)
  }

  @Test func aRebuiltStateIsTheSame() throws {
    let file = try directory.write(orders(5000), to: "orders.csv")
    try tidemark("aggregate", file, "--group-by", "customer", "--sum", "amount", "--state", state)
    let before = try tidemark("scan", "--json", "--state", state).output
    #expect(try tidemark("rebuild", "--state", state).status == 0)
    #expect(try tidemark("scan", "--json", "--state", state).output == before)
    #expect(FileManager.default.fileExists(atPath: state + "/store/damaged-1/db/CURRENT"))
  }

  @Test func verifyFindsARowThatTheChangelogDoesNotTell() throws {
    let file = try directory.write(orders(500), to: "orders.csv")
    try tidemark("aggregate", file, "--group-by", "customer", "--sum", "amount", "--state", state)
    try plantRow(in: state)
    let run = try tidemark("verify", "--state", state)
    #expect(run.status == 2)
    #expect(run.error.contains("1 rows differ"), "\(run.error)")
  }
}
