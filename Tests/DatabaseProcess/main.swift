// A process that uses databases as a test can't: `DatabaseProcess mode directory [number]`.
//
// Exit status 0: it went as it should; 2: it didn't, and says why.
import Glibc

/// What a process is started for.
enum Mode: String {
  /// Exits while another thread closes the only database.
  case exitWhileClosing = "exit-while-closing"
  /// Exits while compactions run, and while other threads read, ingest, open and close databases.
  case exitWhileWorking = "exit-while-working"
}

let arguments = CommandLine.arguments
guard arguments.count >= 3, let mode = Mode(rawValue: arguments[1]) else {
  fail("usage: DatabaseProcess mode directory")
}
let path = arguments[2]
let number = arguments.count > 3 ? Int(arguments[3]) ?? 0 : 0

do {
  switch mode {
  case .exitWhileClosing: try ExitRace(path).whileClosing(delay: number)
  case .exitWhileWorking: try ExitRace(path).whileWorking(delay: number)
  }
} catch {
  fail("\(error)")
}

/// Prints an error and ends the process.
func fail(_ message: String) -> Never {
  print(message)
  exit(2)
}
