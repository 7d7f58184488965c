import Foundation
import RowInput
import Tidemark

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, the same on every machine.
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Orders generated from a seed, and their totals computed without the aggregation's code.
struct DemoOrders {
  let seed: UInt64
  let count: Int

  private static let items = ["tea", "cup, blue", "\"best\" kettle", "saucer", "spoon", "tray", "sugar", "honey"]

  /// The aggregates of a customer; amounts in cents.
  struct Totals: Equatable {
    var count = 0
    var sum = 0
    var max = Int.min
    var last = ""
  }

  /// Writes the orders as CSV.
  func write(to path: String) throws {
    var generator = SplitMix64(seed: seed)
    var text: [UInt8] = []
    text.reserveCapacity(1 << 20)
    guard FileManager.default.createFile(atPath: path, contents: nil), let handle = FileHandle(forWritingAtPath: path)
    else { throw CommandError(.inputOutput, "\(path): can't be made") }
    text += "order,customer,item,amount\n".utf8
    for number in 0..<count {
      // A square root makes some customers much more frequent than others.
      let customer = Int(Double(UInt64.random(in: 0..<2_500_000_000, using: &generator)).squareRoot())
      let cents = Int.random(in: -500..<20_000, using: &generator)
      let item = Self.items.randomElement(using: &generator)!.replacingOccurrences(of: "\"", with: "\"\"")
      let sign = cents < 0 ? "-" : ""
      let amount = "\(sign)\(abs(cents) / 100).\(abs(cents) % 100 < 10 ? "0" : "")\(abs(cents) % 100)"
      text += "\(number),c\(customer),\"\(item)\",\(amount)\n".utf8
      if text.count >= 1 << 20 {
        try handle.write(contentsOf: Data(text))
        text.removeAll(keepingCapacity: true)
      }
    }
    try handle.write(contentsOf: Data(text))
    try handle.close()
  }

  /// Computes the totals from the file: split at quotes, cents as integers, a dictionary.
  static func recompute(_ path: String) throws -> [String: Totals] {
    var totals: [String: Totals] = [:]
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    for line in text.utf8.split(separator: UInt8(ascii: "\n")).dropFirst() {
      let open = line.firstIndex(of: UInt8(ascii: "\""))!
      let close = line.lastIndex(of: UInt8(ascii: "\""))!
      let customer = String(Substring(line[..<open]).split(separator: ",")[1])
      let item = String(Substring(line[line.index(after: open)..<close])).replacingOccurrences(of: "\"\"", with: "\"")
      let digits = line[line.index(close, offsetBy: 2)...].filter { $0 != UInt8(ascii: ".") }
      let cents = Int(String(decoding: digits, as: UTF8.self))!
      totals[customer, default: Totals()].count += 1
      totals[customer]!.sum += cents
      totals[customer]!.max = Swift.max(totals[customer]!.max, cents)
      totals[customer]!.last = item
    }
    return totals
  }
}

extension DemoOrders.Totals {
  /// The totals of a row of the state: count, sum, max and last, in this order.
  init(_ cells: [AggregateCell]) {
    func cents(_ cell: AggregateCell) -> Int {
      guard case .number(.short(let number)) = cell else { return Int.min }
      // Canonical decimals of at most two fraction digits.
      return Int(number.mantissa) * [100, 10, 1][Int(number.scale)]
    }
    guard cells.count == 4, case .number(.short(let count)) = cells[0], case .text(let last) = cells[3] else {
      self.init()
      return
    }
    self.init(
      count: Int(count.mantissa), sum: cents(cells[1]), max: cents(cells[2]),
      last: String(decoding: last, as: UTF8.self))
  }
}
