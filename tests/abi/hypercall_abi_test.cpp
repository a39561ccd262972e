// SPDX-License-Identifier: MIT
#include "public/console_io.hpp"
#include "public/hypercall.hpp"
#include "public/multicall.hpp"

#include <gtest/gtest.h>

#include <xen/errno.h>
#include <xen/xen.h>

#include "compare.hpp"

TEST(AbiHypercall, NumbersAreXens) {
    SAME_VALUE(abi::hypercall::set_trap_table, __HYPERVISOR_set_trap_table);
    SAME_VALUE(abi::hypercall::mmu_update, __HYPERVISOR_mmu_update);
    SAME_VALUE(abi::hypercall::set_gdt, __HYPERVISOR_set_gdt);
    SAME_VALUE(abi::hypercall::stack_switch, __HYPERVISOR_stack_switch);
    SAME_VALUE(abi::hypercall::set_callbacks, __HYPERVISOR_set_callbacks);
    SAME_VALUE(abi::hypercall::fpu_taskswitch, __HYPERVISOR_fpu_taskswitch);
    SAME_VALUE(abi::hypercall::sched_op_compat, __HYPERVISOR_sched_op_compat);
    SAME_VALUE(abi::hypercall::platform_op, __HYPERVISOR_platform_op);
    SAME_VALUE(abi::hypercall::set_debugreg, __HYPERVISOR_set_debugreg);
    SAME_VALUE(abi::hypercall::get_debugreg, __HYPERVISOR_get_debugreg);
    SAME_VALUE(abi::hypercall::update_descriptor, __HYPERVISOR_update_descriptor);
    SAME_VALUE(abi::hypercall::memory_op, __HYPERVISOR_memory_op);
    SAME_VALUE(abi::hypercall::multicall, __HYPERVISOR_multicall);
    SAME_VALUE(abi::hypercall::update_va_mapping, __HYPERVISOR_update_va_mapping);
    SAME_VALUE(abi::hypercall::set_timer_op, __HYPERVISOR_set_timer_op);
    SAME_VALUE(abi::hypercall::event_channel_op_compat, __HYPERVISOR_event_channel_op_compat);
    SAME_VALUE(abi::hypercall::xen_version, __HYPERVISOR_xen_version);
    SAME_VALUE(abi::hypercall::console_io, __HYPERVISOR_console_io);
    SAME_VALUE(abi::hypercall::physdev_op_compat, __HYPERVISOR_physdev_op_compat);
    SAME_VALUE(abi::hypercall::grant_table_op, __HYPERVISOR_grant_table_op);
    SAME_VALUE(abi::hypercall::vm_assist, __HYPERVISOR_vm_assist);
    SAME_VALUE(abi::hypercall::update_va_mapping_otherdomain, __HYPERVISOR_update_va_mapping_otherdomain);
    SAME_VALUE(abi::hypercall::iret, __HYPERVISOR_iret);
    SAME_VALUE(abi::hypercall::vcpu_op, __HYPERVISOR_vcpu_op);
    SAME_VALUE(abi::hypercall::set_segment_base, __HYPERVISOR_set_segment_base);
    SAME_VALUE(abi::hypercall::mmuext_op, __HYPERVISOR_mmuext_op);
    SAME_VALUE(abi::hypercall::xsm_op, __HYPERVISOR_xsm_op);
    SAME_VALUE(abi::hypercall::nmi_op, __HYPERVISOR_nmi_op);
    SAME_VALUE(abi::hypercall::sched_op, __HYPERVISOR_sched_op);
    SAME_VALUE(abi::hypercall::callback_op, __HYPERVISOR_callback_op);
    SAME_VALUE(abi::hypercall::xenoprof_op, __HYPERVISOR_xenoprof_op);
    SAME_VALUE(abi::hypercall::event_channel_op, __HYPERVISOR_event_channel_op);
    SAME_VALUE(abi::hypercall::physdev_op, __HYPERVISOR_physdev_op);
    SAME_VALUE(abi::hypercall::hvm_op, __HYPERVISOR_hvm_op);
    SAME_VALUE(abi::hypercall::sysctl, __HYPERVISOR_sysctl);
    SAME_VALUE(abi::hypercall::domctl, __HYPERVISOR_domctl);
    SAME_VALUE(abi::hypercall::kexec_op, __HYPERVISOR_kexec_op);
    SAME_VALUE(abi::hypercall::tmem_op, __HYPERVISOR_tmem_op);
    SAME_VALUE(abi::hypercall::argo_op, __HYPERVISOR_argo_op);
    SAME_VALUE(abi::hypercall::xenpmu_op, __HYPERVISOR_xenpmu_op);
    SAME_VALUE(abi::hypercall::dm_op, __HYPERVISOR_dm_op);
    SAME_VALUE(abi::hypercall::hypfs_op, __HYPERVISOR_hypfs_op);
    SAME_VALUE(abi::hypercall::mca, __HYPERVISOR_arch_0);
}

TEST(AbiHypercall, ErrorNumbersAreXens) {
    SAME_VALUE(abi::Errno::perm, XEN_EPERM);
    SAME_VALUE(abi::Errno::noent, XEN_ENOENT);
    SAME_VALUE(abi::Errno::srch, XEN_ESRCH);
    SAME_VALUE(abi::Errno::io, XEN_EIO);
    SAME_VALUE(abi::Errno::nxio, XEN_ENXIO);
    SAME_VALUE(abi::Errno::toobig, XEN_E2BIG);
    SAME_VALUE(abi::Errno::noexec, XEN_ENOEXEC);
    SAME_VALUE(abi::Errno::badf, XEN_EBADF);
    SAME_VALUE(abi::Errno::child, XEN_ECHILD);
    SAME_VALUE(abi::Errno::again, XEN_EAGAIN);
    SAME_VALUE(abi::Errno::nomem, XEN_ENOMEM);
    SAME_VALUE(abi::Errno::acces, XEN_EACCES);
    SAME_VALUE(abi::Errno::fault, XEN_EFAULT);
    SAME_VALUE(abi::Errno::busy, XEN_EBUSY);
    SAME_VALUE(abi::Errno::exist, XEN_EEXIST);
    SAME_VALUE(abi::Errno::xdev, XEN_EXDEV);
    SAME_VALUE(abi::Errno::nodev, XEN_ENODEV);
    SAME_VALUE(abi::Errno::notdir, XEN_ENOTDIR);
    SAME_VALUE(abi::Errno::isdir, XEN_EISDIR);
    SAME_VALUE(abi::Errno::inval, XEN_EINVAL);
    SAME_VALUE(abi::Errno::nfile, XEN_ENFILE);
    SAME_VALUE(abi::Errno::mfile, XEN_EMFILE);
    SAME_VALUE(abi::Errno::nospc, XEN_ENOSPC);
    SAME_VALUE(abi::Errno::rofs, XEN_EROFS);
    SAME_VALUE(abi::Errno::mlink, XEN_EMLINK);
    SAME_VALUE(abi::Errno::dom, XEN_EDOM);
    SAME_VALUE(abi::Errno::range, XEN_ERANGE);
    SAME_VALUE(abi::Errno::deadlk, XEN_EDEADLK);
    SAME_VALUE(abi::Errno::nametoolong, XEN_ENAMETOOLONG);
    SAME_VALUE(abi::Errno::nolck, XEN_ENOLCK);
    SAME_VALUE(abi::Errno::nosys, XEN_ENOSYS);
    SAME_VALUE(abi::Errno::notempty, XEN_ENOTEMPTY);
    SAME_VALUE(abi::Errno::nodata, XEN_ENODATA);
    SAME_VALUE(abi::Errno::time, XEN_ETIME);
    SAME_VALUE(abi::Errno::badmsg, XEN_EBADMSG);
    SAME_VALUE(abi::Errno::overflow, XEN_EOVERFLOW);
    SAME_VALUE(abi::Errno::ilseq, XEN_EILSEQ);
    SAME_VALUE(abi::Errno::notsock, XEN_ENOTSOCK);
    SAME_VALUE(abi::Errno::msgsize, XEN_EMSGSIZE);
    SAME_VALUE(abi::Errno::opnotsupp, XEN_EOPNOTSUPP);
    SAME_VALUE(abi::Errno::addrinuse, XEN_EADDRINUSE);
    SAME_VALUE(abi::Errno::addrnotavail, XEN_EADDRNOTAVAIL);
    SAME_VALUE(abi::Errno::nobufs, XEN_ENOBUFS);
    SAME_VALUE(abi::Errno::isconn, XEN_EISCONN);
    SAME_VALUE(abi::Errno::notconn, XEN_ENOTCONN);
    SAME_VALUE(abi::Errno::timedout, XEN_ETIMEDOUT);
    SAME_VALUE(abi::Errno::connrefused, XEN_ECONNREFUSED);
}

TEST(AbiHypercall, ReservedDomainsAreXens) {
    SAME_VALUE(abi::first_reserved_domid, DOMID_FIRST_RESERVED);
    SAME_VALUE(abi::domid_self.value, DOMID_SELF);
    SAME_VALUE(abi::domid_io.value, DOMID_IO);
    SAME_VALUE(abi::domid_xen.value, DOMID_XEN);
    SAME_VALUE(abi::domid_cow.value, DOMID_COW);
    SAME_VALUE(abi::domid_invalid.value, DOMID_INVALID);
    SAME_VALUE(abi::domid_idle.value, DOMID_IDLE);
    static_assert(sizeof(abi::Domid) == sizeof(domid_t));
}

TEST(AbiHypercall, MulticallEntryIsXens){SAME(abi::MulticallEntry, multicall_entry, op, result, args)}

TEST(AbiHypercall, ConsoleOperationsAreXens) {
    SAME_VALUE(abi::consoleio::write, CONSOLEIO_write);
    SAME_VALUE(abi::consoleio::read, CONSOLEIO_read);
}
