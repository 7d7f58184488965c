/// One operation: it follows from the seed and its number, so the whole state at a position can be recomputed.
///
/// The first operations load: each puts an item, and opens an account as long as any are left. Later ones change or
/// delete an item, note an event, delete an old event, and now and then move money.
struct MixedOperation {
  struct Transfer {
    let from: Int64
    let to: Int64
    let amount: Int64
    /// Otherwise money moves the other way.
    let isFromLeft: Bool
  }

  let number: Int64
  let item: UInt64
  let deletesItem: Bool
  let transfer: Transfer?

  /// One change of an item in twenty deletes it, so a twentieth of the changing items is missing, or a little more.
  private static let deletedShare: UInt64 = 20
  static let leastShareOfItems = 0.94
  private static let transferredShare: UInt64 = 4
  /// The number of accounts on each side, and the balance that each starts with.
  static let accounts: Int64 = 5000
  static let openingBalance: Int64 = 1000
  /// Only this many of the last events have a row.
  static let keptEvents: Int64 = 100_000

  init(_ number: Int64, _ plan: EndurancePlan, _ zipf: Zipf) {
    self.number = number
    guard number >= plan.items else {
      (item, deletesItem, transfer) = (UInt64(number), false, nil)
      return
    }
    var random = SeededGenerator(seed: plan.seed ^ mixed(UInt64(number)))
    let isHot = random.next() & 1 == 0
    item = isHot ? UInt64(zipf.draw(&random)) : random.next() % UInt64(plan.items)
    deletesItem = random.next() % Self.deletedShare == 0
    if random.next() % Self.transferredShare == 0 {
      transfer = Transfer(
        from: Int64(random.next() % UInt64(Self.accounts)), to: Int64(random.next() % UInt64(Self.accounts)),
        amount: Int64(random.next() % 100), isFromLeft: random.next() & 1 == 0)
    } else {
      transfer = nil
    }
  }

  /// The number of accounts open on each side at a position.
  static func openAccounts(at position: Int64, _ plan: EndurancePlan) -> Int64 {
    min(position, accounts, Int64(plan.items))
  }

  /// The events that have a row at a position.
  static func events(at position: Int64, _ plan: EndurancePlan) -> Range<Int64> {
    let end = max(position, Int64(plan.items))
    return max(end - keptEvents, Int64(plan.items))..<end
  }
}
