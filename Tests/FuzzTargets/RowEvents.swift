internal import Changelog
internal import RowInput

/// The outcome of reading a file of rows, step by step.
enum RowEvent: Equatable {
  case row([RowField], at: RowPosition, next: RowPosition, isTerminated: Bool)
  case skipped(InputError, at: RowPosition, next: RowPosition)
  case failed(InputError)

  var next: RowPosition? {
    switch self {
    case .row(_, _, let next, _), .skipped(_, _, let next): next
    case .failed: nil
    }
  }
}

/// A field, and the number that it is read as.
struct RowField: Equatable {
  var bytes: [UInt8]
  var isQuoted: Bool
  var number: String
}

/// How a file is read.
struct RowReading {
  var path: String
  var format: RowFormat
  var columns: [String]
  var skipsBadRows: Bool
  var bufferBytes = 1 << 16
  var maximumRowBytes = 1 << 20

  /// Opens the file; one that grows keeps its last row back.
  func open(from start: RowPosition = .start, isGrowing: Bool = false) throws(InputError) -> RowReader {
    try RowReader.open(
      path, format: format, columns: columns, from: start, holdsBackOpenRow: isGrowing, isGrowing: isGrowing,
      bufferBytes: bufferBytes, maximumRowBytes: maximumRowBytes)
  }

  /// All events from a place on, up to the end or the first error that isn't of a skippable row.
  func events(from start: RowPosition = .start) throws -> [RowEvent] {
    var reader: RowReader
    do throws(InputError) { reader = try open(from: start) } catch { return [.failed(error)] }
    var events: [RowEvent] = []
    try append(to: &events, &reader)
    return events
  }

  /// Reads on until nothing more is available, or an error.
  ///
  /// Reading a refused row again refuses it in the same way, and skipping it continues after it.
  func append(to events: inout [RowEvent], _ reader: inout RowReader) throws {
    while try step(&events, &reader) {}
  }

  private func step(_ events: inout [RowEvent], _ reader: inout RowReader) throws -> Bool {
    let before = reader.position
    do throws(InputError) {
      guard try reader.next() else { return false }
      events.append(row(reader))
      return true
    } catch {
      let again = errorOfNext(&reader)
      try expect(again == error, "an error, and another the second time: \(error), \(again as Any)")
      guard skipsBadRows, error.isOfOneRow else {
        events.append(.failed(error))
        return false
      }
      do throws(InputError) { try reader.skipRow() } catch {
        events.append(.failed(error))
        return false
      }
      try expect(reader.position.offset > before.offset, "skipping doesn't lead on behind \(before): \(error)")
      events.append(.skipped(error, at: reader.row, next: reader.position))
      return true
    }
  }

  private func errorOfNext(_ reader: inout RowReader) -> InputError? {
    do throws(InputError) {
      _ = try reader.next()
      return nil
    } catch { return error }
  }

  private func row(_ reader: borrowing RowReader) -> RowEvent {
    let fields = columns.indices.map { column in
      let number: String
      do throws(InputError) {
        number = "\(try reader.number(column)?.description ?? "none")"
      } catch {
        number = "\(error)"
      }
      return RowField(bytes: reader.field(column).array, isQuoted: reader.isQuoted(column), number: number)
    }
    return .row(fields, at: reader.row, next: reader.position, isTerminated: reader.isTerminated)
  }
}
