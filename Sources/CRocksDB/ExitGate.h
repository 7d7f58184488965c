// The end of the process while threads use databases: see ExitGate.cc.
#pragma once

#include <atomic>

#include "rocksdb/db.h"

namespace shim {

/// Calls into RocksDB pass here, until the process begins to exit.
class ExitGate {
 public:
  /// How many passes a thread is in.
  struct Slot {
    std::atomic<int> depth{0};
    std::atomic<bool> isTaken{true};
  };

  /// A call into RocksDB: exit waits until it is over.
  ///
  /// It costs two stores to memory of the thread's own. Passes of a thread nest.
  class Pass {
   public:
    Pass() noexcept : slot_(ownSlot ? ownSlot : registerThread()) {
      const int depth = slot_->depth.load(std::memory_order_relaxed);
      slot_->depth.store(depth + 1, std::memory_order_relaxed);
      // Keeps the compiler's order; the exiting thread enforces the processor's order (membarrier).
      std::atomic_signal_fence(std::memory_order_seq_cst);
      isGranted_ = depth > 0 || !exiting.load(std::memory_order_relaxed);
      if (!isGranted_) slot_->depth.store(depth, std::memory_order_relaxed);
    }
    ~Pass() {
      if (isGranted_) slot_->depth.store(slot_->depth.load(std::memory_order_relaxed) - 1, std::memory_order_release);
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    /// False once the process exits: then RocksDB must not be called.
    bool isGranted() const { return isGranted_; }

   private:
    Slot* slot_;
    bool isGranted_;
  };

  /// The answer to a call that isn't let in.
  static rocksdb::Status refused() { return rocksdb::Status::ShutdownInProgress("the process exits"); }
  static bool isExiting() { return exiting.load(std::memory_order_relaxed); }
  /// Called in an open, before RocksDB is called.
  static void beforeOpen();
  /// Registers a database whose background work must end at exit; called in the pass of its open.
  static void opened(rocksdb::DB& db);
  /// Called in the pass of a close, before the close begins.
  static void closing(rocksdb::DB& db);
  /// Refuses calls from now on. Returns the thread's own slot, or null if exit had already begun.
  static Slot* beginExit();

 private:
  static Slot* registerThread() noexcept;

  static std::atomic<bool> exiting;
  static __thread Slot* ownSlot;
};

}  // namespace shim
