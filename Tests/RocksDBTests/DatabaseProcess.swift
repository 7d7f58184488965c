import Foundation

/// How a process ended: its exit status, or the negative number of a signal; and its standard output.
struct ProcessOutcome {
  var status: Int32
  var output: String
}

/// Runs the program `DatabaseProcess`, which lies beside the tests, to its end.
func runDatabaseProcess(_ mode: String, _ path: String, _ number: Int = 0) throws -> ProcessOutcome {
  let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let places = [own, CommandLine.arguments[0], Bundle.main.bundlePath, Bundle.main.executablePath ?? ""]
  let programs = places.map { ($0 as NSString).deletingLastPathComponent + "/DatabaseProcess" }
  guard let program = programs.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
    throw CocoaError(.fileNoSuchFile, userInfo: [NSDebugDescriptionErrorKey: "no DatabaseProcess beside \(places)"])
  }
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = [mode, path, "\(number)"]
  // A crash that Swift looks into takes seconds.
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
