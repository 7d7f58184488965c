import Foundation
import QuietLogs
import Testing

/// A directory of its own for a test, removed when the test is done.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    quietLogs
    path = NSTemporaryDirectory() + "tidemark-command-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// Writes a file and returns its path.
  func write(_ text: String, to name: String) throws -> String {
    try Data(text.utf8).write(to: URL(fileURLWithPath: self(name)))
    return self(name)
  }
}

/// The outcome of a run of the command.
struct Outcome {
  var status: Int32
  var output: String
  var error: String
}

/// The path of the command beside the test bundle.
func commandPath() -> String {
  URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent().path
    + "/tidemark"
}

/// Runs the command to its end.
@discardableResult
func tidemark(_ arguments: String...) throws -> Outcome { try run(commandPath(), arguments) }

/// Runs a program to its end.
func run(_ program: String, _ arguments: [String]) throws -> Outcome {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  let (output, error) = (Pipe(), Pipe())
  process.standardOutput = output
  process.standardError = error
  process.standardInput = FileHandle.nullDevice
  try process.run()
  // Standard error is short in these tests and fits the pipe; standard output may be long.
  let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  let message = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  return Outcome(status: process.terminationStatus, output: text, error: message)
}

/// Rows of orders: `order,customer,item,amount`, a few hundred customers.
func orders(_ count: Int) -> String {
  var text = "order,customer,item,amount\n"
  for number in 0..<count {
    text += "\(number),c\(number * 7919 % 331),\"tea, no. \(number % 5)\",\(number % 97).\(number % 10)5\n"
  }
  return text
}

/// Runs a shell script in a directory; `tidemark` in it is the command.
func shell(_ script: String, in directory: String) throws -> Outcome {
  try run(
    "/bin/bash",
    ["-c", "cd \"$0\" && tidemark() { \"$COMMAND\" \"$@\"; }; export COMMAND=$1\n" + script, directory, commandPath()])
}
