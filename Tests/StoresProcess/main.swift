// A process with many stores: `StoresProcess mode directory`.
//
// Exit status 0: it went as it should, and says what that took; 2: it didn't, and says why.
import Glibc
import Tidemark

/// What a process is started for.
enum Mode: String {
  /// 200 stores under a limit of 4,096 open files and in one budget.
  case many
  /// Opens stores until one is refused for want of files, and opens it once the limit is raised.
  case few
  /// Takes all descriptors that there are for itself.
  case none
}

let arguments = CommandLine.arguments
guard arguments.count == 3, let mode = Mode(rawValue: arguments[1]) else { fail("usage: StoresProcess mode directory") }

do {
  switch mode {
  case .many: try ManyStores(arguments[2], fileLimit: 4096).run(count: 200)
  case .few: try ManyStores(arguments[2], fileLimit: 256).runOut()
  case .none: try ManyStores(arguments[2], fileLimit: 256).runWithoutFiles()
  }
} catch {
  fail("\(error)")
}

/// Prints an error and ends the process.
func fail(_ message: String) -> Never {
  print(message)
  exit(2)
}
