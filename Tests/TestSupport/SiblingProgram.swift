internal import Foundation

/// The path of a program of this package, which lies beside the running program.
///
/// For the test runner, programs lie beside its bundle. Throws if there is none of that name.
package func siblingProgram(_ name: String) throws -> String {
  let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let places = [own, CommandLine.arguments[0], Bundle.main.bundlePath, Bundle.main.executablePath ?? ""]
  let programs = places.map { ($0 as NSString).deletingLastPathComponent + "/" + name }
  guard let program = programs.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
    throw CocoaError(.fileNoSuchFile, userInfo: [NSDebugDescriptionErrorKey: "there is no \(name) beside \(places)"])
  }
  return program
}

/// How a process ended: its exit status, or the negative number of a signal; and all of its output.
package struct ProcessOutcome: Sendable {
  package var status: Int32
  package var output: String
}

/// Runs a program of this package to its end.
package func runSibling(_ name: String, _ arguments: [String]) throws -> ProcessOutcome {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: try siblingProgram(name))
  process.arguments = arguments
  // Swift's backtrace of a crash would take seconds.
  process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
  let output = Pipe()
  process.standardOutput = output
  process.standardError = output
  try process.run()
  let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  let status = process.terminationStatus
  return ProcessOutcome(status: process.terminationReason == .exit ? status : -status, output: text)
}
