import ArgumentParser
import Foundation
import RowInput
import Tidemark

/// The command's exit statuses.
///
/// Those from 64 on are as in `sysexits.h`, those from 80 on our own.
enum ExitStatus: Int32, CaseIterable {
  case success = 0
  case notFound = 1
  case differs = 2
  case usage = 64
  case malformedRow = 65
  case missingInput = 66
  case unavailable = 69
  case failed = 70
  case outOfSpace = 73
  case inputOutput = 74
  case locked = 75
  case damaged = 76
  case noPermission = 77
  case otherOptions = 78
  case missingColumn = 80
  case notANumber = 81
  case invalidUTF8 = 82
  case changedInput = 83
  case wrongChangelog = 84
  case interrupted = 130
  case terminated = 143

  var meaning: String {
    switch self {
    case .success: "success"
    case .notFound: "`get`: no such row"
    case .differs: "`verify`, `demo` or `torture`: the state is not what it should be"
    case .usage: "the command line is wrong"
    case .malformedRow: "a row is ragged, or not CSV or JSON"
    case .missingInput: "an input file or the state directory is missing"
    case .unavailable: "a commit was refused temporarily; run the same command again"
    case .failed: "an error inside tidemark"
    case .outOfSpace: "no space is left; make room and run the same command again"
    case .inputOutput: "the file system failed"
    case .locked: "another process has the state directory open"
    case .damaged: "files of the state directory are damaged"
    case .noPermission: "a permission is missing"
    case .otherOptions: "the state directory was created with other options"
    case .missingColumn: "a column is missing or named twice"
    case .notANumber: "a value isn't the expected number or time, or is out of range"
    case .invalidUTF8: "a row is not UTF-8"
    case .changedInput: "an input file has changed since it was read"
    case .wrongChangelog: "the changelog isn't the state's own, or was truncated, recreated or forked"
    case .interrupted: "stopped by SIGINT, everything committed"
    case .terminated: "stopped by SIGTERM, everything committed"
    }
  }

  /// The remedy for an error of the library, if the command knows more than the library.
  var remedy: String? {
    switch self {
    case .unavailable: "run the same command again"
    case .outOfSpace: "make room, then run the same command again"
    case .inputOutput: "look at the disk, then run the same command again"
    case .damaged:
      "`tidemark rebuild` restores a store from its changelog, `tidemark restore` a state from a checkpoint"
    case .wrongChangelog: "give the state its own changelog back, or take another --state directory"
    default: nil
    }
  }

  /// All statuses, a line each.
  static var listing: String {
    allCases.map { "  \(String($0.rawValue).padding(toLength: 4, withPad: " ", startingAt: 0))\($0.meaning)" }
      .joined(separator: "\n")
  }
}

/// An error of the command itself: one line, and the exit status.
struct CommandError: Error {
  let status: ExitStatus
  let message: String

  init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  /// Converts any error.
  init(_ error: any Error) {
    switch error {
    case let error as CommandError: self = error
    case let error as InputError:
      self.init(
        error,
        ofOneRow: error.isOfOneRow ? "fix it in this file, as a copy would count again, or leave bad rows out" : nil)
    case let error as StoreError:
      let status = ExitStatus(error)
      // An error that names the limit to raise needs no other remedy.
      let remedy = error.description.contains("ulimit") ? nil : status.remedy
      self.init(status, error.description + (remedy.map { "; " + $0 } ?? ""))
    default: self.init(foundation: error)
    }
  }
}

extension CommandError {
  /// What an error of a row that came through a pipe means.
  init(inPipe error: InputError) {
    self.init(error, ofOneRow: "mend the producer and send again from that row on, or leave bad rows out")
  }

  private init(_ error: InputError, ofOneRow remedy: String?) {
    let parts = [
      error.description, error.remedy, remedy.map { "the rows before it count: \($0) with --skip-bad-rows" },
    ]
    self.init(ExitStatus(error), parts.compactMap(\.self).joined(separator: "; "))
  }

  /// What a failed system call means for the command.
  init(errno code: Int32, _ what: String, _ path: String? = nil) {
    // Proof: `strerror` gives a C string, valid until this thread calls it again.
    let reason = unsafe String(cString: strerror(code))
    self.init(ExitStatus(errno: code), (path.map { $0 + ": " } ?? "") + (what.isEmpty ? "" : what + ": ") + reason)
  }

  /// Converts an error of Foundation about a file, in one line.
  private init(foundation error: any Error) {
    var inner = error as NSError
    let path = inner.userInfo[NSFilePathErrorKey] as? String
    while let underlying = inner.userInfo[NSUnderlyingErrorKey] as? any Error { inner = underlying as NSError }
    guard inner.domain == NSPOSIXErrorDomain else {
      self.init(.failed, "\(error)")
      return
    }
    self.init(errno: Int32(inner.code), "", path)
  }

  /// Whether a process visible from here has a file in `directory` open.
  private static func hasOpenFile(of directory: String, process id: Int32) -> Bool {
    let descriptors = "/proc/\(id)/fd"
    let prefix = realPath(directory) + "/"
    return ((try? FileManager.default.contentsOfDirectory(atPath: descriptors)) ?? []).contains { name in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: descriptors + "/" + name))?.hasPrefix(prefix) == true
    }
  }

  /// Says who has a state open, and what to do.
  init(lockedBy error: StoreError, _ directory: String) {
    let named = error.metadata.first { $0.name == "held by process" || $0.name == "process" }?.value ?? ""
    guard let id = Int32(named.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      self.init(.locked, error.description)
      return
    }
    // The holder may be in another container: then the number is another process's here, which must not be stopped.
    guard Self.hasOpenFile(of: directory, process: id) else {
      self.init(
        .locked,
        "\(directory): open in another process, which is \(id) where it runs: in another container, or another user's;"
          + " only one process at a time can use a state; wait, or stop that job: it commits and exits;"
          + " `tidemark log --state \(directory)` reads the changelog of a state that is in use")
      return
    }
    let bytes = FileManager.default.contents(atPath: "/proc/\(id)/cmdline") ?? Data()
    let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    let command = words.joined(separator: " ")
    let shown = command.isEmpty ? "" : " (\(command.count > 60 ? command.prefix(60) + "…" : command[...]))"
    self.init(
      .locked,
      "\(directory): open in process \(id)\(shown), and only one process at a time can use a state; wait, or stop"
        + " it with `kill \(id)`: it commits and exits; `tidemark log --state \(directory)` reads the"
        + " changelog of a state that is in use")
  }
}

/// Runs a command; an error becomes one line on standard error and the exit status.
func reportingErrors(_ body: () throws -> Void) throws {
  do { try body() } catch let exit as ExitCode { throw exit } catch {
    let error = CommandError(error)
    printMessage("tidemark: \(visible(error.message))\n")
    throw ExitCode(error.status.rawValue)
  }
}

extension ExitStatus {
  fileprivate init(errno code: Int32) {
    self =
      switch code {
      case ENOSPC, EDQUOT, EFBIG: .outOfSpace
      case EACCES, EPERM, EROFS: .noPermission
      default: .inputOutput
      }
  }

  fileprivate init(_ error: InputError) {
    self =
      switch error.kind {
      case .missingFile, .emptyFile, .isDirectory: .missingInput
      case .permissionDenied: .noPermission
      case .inputOutput: .inputOutput
      case .changedFile: .changedInput
      case .missingColumn, .duplicateColumn: .missingColumn
      case .raggedRow, .malformed, .unreadable, .tooLarge: .malformedRow
      case .invalidUTF8: .invalidUTF8
      case .notANumber, .notATime, .numberOutOfRange, .timeTooLate: .notANumber
      }
  }

  fileprivate init(_ error: StoreError) {
    self =
      switch error.causeKind.flatMap({ error.kind == .failed ? $0 : nil }) ?? error.kind {
      case .invalidArgument, .schemaMismatch, .unsupported, .tooLarge: .otherOptions
      case .unavailable, .overBudget, .snapshotExpired, .commitUnknown, .failed, .closed: .unavailable
      case .outOfSpace: .outOfSpace
      case .locked, .fenced: .locked
      case .corrupted: .damaged
      case .wrongChangelog: .wrongChangelog
      case .permissionDenied: .noPermission
      case .inputOutput: .inputOutput
      case .cancelled: .interrupted
      default: .failed
      }
  }
}
