internal import struct Synchronization.Atomic
internal import func Synchronization.atomicMemoryFence

/// Eight aligned bytes of a file, as a number that all who map them share: in this process, and in others on this machine.
///
/// A change is seen by the others at once, through the page cache. It need not survive a loss of power.
@safe
package final class MappedWord: @unchecked Sendable {
  // Proof of `@unchecked Sendable`: the word is only touched by atomic operations, and lives as long as its owner.
  private let word: UnsafeMutablePointer<Atomic<UInt64>>
  private let owner: AnyObject

  /// Takes the address of eight aligned bytes, which live as long as `owner`.
  package init(_ address: UnsafeMutableRawPointer, of owner: AnyObject) {
    precondition(UInt(bitPattern: address) % 8 == 0)
    // Proof: an atomic number is laid out as the number, and the address is aligned.
    unsafe word = address.assumingMemoryBound(to: Atomic<UInt64>.self)
    self.owner = owner
  }

  /// The number, after all that this thread did before: neither the processor nor the compiler moves it up.
  package var value: UInt64 {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    return unsafe word.pointee.load(ordering: .sequentiallyConsistent)
  }

  /// Replaces the number if it is `expected`, before all that this thread does after; returns whether it did.
  package func replace(_ expected: UInt64, with value: UInt64) -> Bool {
    defer { atomicMemoryFence(ordering: .sequentiallyConsistent) }
    return unsafe word.pointee.compareExchange(
      expected: expected, desired: value, ordering: .sequentiallyConsistent
    ).exchanged
  }
}
