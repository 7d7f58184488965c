// A process that uses databases in ways a test can't: `DatabaseProcess mode directory [number]`.
//
// Exit status 0: everything went as expected; 2: it didn't, and the process prints why.
import Glibc

/// The task of a process.
enum Mode: String {
  /// Exits while another thread closes the only database.
  case exitWhileClosing = "exit-while-closing"
  /// Exits while compactions run, and while other threads read, ingest, open and close databases.
  case exitWhileWorking = "exit-while-working"
  /// Opens, fills and reads many databases under a limit of open files.
  case manyDatabases = "many-databases"
  /// Opens databases until one is refused for lack of files, and prints that.
  case fewFiles = "few-files"
  /// Makes files under a umask that clears no bits.
  case openUmask = "open-umask"
  /// Writes to RocksDB's log and kills itself.
  case writeLog = "write-log"
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
  case .manyDatabases: try ManyDatabases(path, fileLimit: 4096).run(count: number)
  case .fewFiles: try ManyDatabases(path, fileLimit: 64).runOut()
  case .openUmask: try makeFilesUnderOpenUmask(path)
  case .writeLog: writeLog(path)
  }
} catch {
  fail("\(error)")
}

/// Prints an error and ends the process.
func fail(_ message: String) -> Never {
  print(message)
  exit(2)
}
