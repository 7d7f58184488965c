import Foundation
import Testing

/// `tidemark verify` reads in a process of its own.
@Suite struct VerifyTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private var state: String { directory("state") }

  /// Verifies a state, and sends a signal to the command or to its reader as soon as the reader runs.
  private func verify(sending signal: Int32, toReader: Bool) throws -> Outcome {
    let file = try directory.write(orders(2000), to: "orders.csv")
    try tidemark("aggregate", file, "--group-by", "customer", "--sum", "amount", "--state", state)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: commandPath())
    process.arguments = ["verify", "--state", state]
    let (output, error) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = error
    try process.run()
    let parent = process.processIdentifier
    let threads = "/proc/\(parent)/task"
    var reader: Int32?
    // Any of the command's threads may have started it.
    while reader == nil, process.isRunning {
      for thread in (try? FileManager.default.contentsOfDirectory(atPath: threads)) ?? [] {
        let children = (try? String(contentsOfFile: "\(threads)/\(thread)/children", encoding: .utf8)) ?? ""
        reader = reader ?? children.split(separator: " ").first.flatMap { Int32($0) }
      }
    }
    kill(toReader ? try #require(reader) : parent, signal)
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let message = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit || !toReader)
    return Outcome(status: process.terminationStatus, output: text, error: message)
  }

  private func expectNothingIsLeft() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: state)
    #expect(!names.contains { $0.hasPrefix("verify-") }, "\(names)")
    #expect(try tidemark("verify", "--state", state).status == 0)
  }

  /// The outcome of a signal to the reader; repeated if the reader ended before the signal came.
  private func verifyWithReader(ended signal: Int32) throws -> Outcome {
    var outcome = try verify(sending: signal, toReader: true)
    for _ in 0..<20 where outcome.status == 0 { outcome = try verify(sending: signal, toReader: true) }
    return outcome
  }

  @Test func aReaderThatIsStoppedByAnAssertionIsToldOf() throws {
    let outcome = try verifyWithReader(ended: SIGABRT)
    #expect(outcome.status == 76)
    #expect(outcome.error.contains("RocksDB stopped the process that read the state"), "\(outcome.error)")
    #expect(outcome.error.contains("tidemark rebuild"), "\(outcome.error)")
    try expectNothingIsLeft()
  }

  @Test func aReaderThatIsKilledIsNoDamage() throws {
    let outcome = try verifyWithReader(ended: SIGKILL)
    #expect(outcome.status == 70)
    #expect(outcome.error.contains("killed"), "\(outcome.error)")
    try expectNothingIsLeft()
  }

  /// However early it comes: if the signal ends the command before it is forwarded, the reader sees that it is alone.
  @Test(arguments: [SIGINT, SIGTERM]) func bothEndByASignal(_ signal: Int32) throws {
    let outcome = try verify(sending: signal, toReader: false)
    #expect([signal, 128 + signal].contains(outcome.status))
    #expect(outcome.output.isEmpty)
  }
}
