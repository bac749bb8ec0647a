//! Reading Windows programs: what they import, how their code calls, how much stack that takes.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use object::pe::{IMAGE_DIRECTORY_ENTRY_IMPORT, ImageNtHeaders64};
use object::read::pe::{Import, PeFile64};
use object::{LittleEndian as LE, Object as _, ObjectSection as _, ObjectSymbol as _};

/// A 64-bit program for x86.
pub(crate) struct Image {
    bytes: Vec<u8>,
}

impl Image {
    /// # Errors
    /// When the file can't be read.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Ok(Self { bytes: fs::read(path).with_context(|| format!("cannot read {}", path.display()))? })
    }

    fn file(&self) -> Result<PeFile64<'_>> {
        PeFile64::parse(&*self.bytes).context("no 64-bit Windows program")
    }

    /// The imported functions, by library.
    ///
    /// # Errors
    /// When it is no such program.
    pub(crate) fn imports(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let file = self.file()?;
        let mut imports = BTreeMap::new();
        let Some(table) = file.import_table()? else {
            return Ok(imports);
        };
        let mut descriptors = table.descriptors()?;
        while let Some(descriptor) = descriptors.next()? {
            let library = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).to_ascii_lowercase();
            let functions: &mut Vec<String> = imports.entry(library).or_default();
            let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE))?;
            while let Some(thunk) = thunks.next::<ImageNtHeaders64>()? {
                functions.push(match table.import::<ImageNtHeaders64>(thunk)? {
                    Import::Ordinal(ordinal) => format!("#{ordinal}"),
                    Import::Name(_, name) => String::from_utf8_lossy(name).into_owned(),
                });
            }
        }
        Ok(imports)
    }

    /// The bytes of the first section that lie before the import descriptors: in a program of one section,
    /// its code and constants.
    ///
    /// # Errors
    /// When it is no such program, or the imports lie elsewhere.
    pub(crate) fn bytes_before_imports(&self) -> Result<u64> {
        let file = self.file()?;
        let directory = file.data_directory(IMAGE_DIRECTORY_ENTRY_IMPORT).context("it imports nothing")?;
        let imports = u64::from(directory.virtual_address.get(LE)) + file.relative_address_base();
        let section = file.sections().next().context("it has no section")?;
        let range = section.address()..section.address() + section.size();
        ensure!(range.contains(&imports), "its imports do not lie in its first section");
        Ok(imports - range.start)
    }

    /// Its functions, from the symbols, which must not have been stripped.
    ///
    /// # Errors
    /// When it is no such program.
    pub(crate) fn functions(&self) -> Result<Functions> {
        let file = self.file()?;
        let mut starts: Vec<(u64, String)> = file
            .symbols()
            .filter(|symbol| symbol.is_definition() && symbol.size() == 0)
            .filter_map(|symbol| {
                let name = symbol.name().ok()?;
                // The two ways to mangle differ in brackets around types.
                let name = format!("{:#}", rustc_demangle::demangle(name)).replace(['<', '>'], "");
                Some((symbol.address(), name))
            })
            .collect();
        starts.sort();
        starts.dedup_by_key(|(address, _)| *address);
        let mut functions = Vec::new();
        for section in file.sections() {
            let (start, data) = (section.address(), section.data()?);
            let end = start + data.len() as u64;
            let inside: Vec<&(u64, String)> =
                starts.iter().filter(|(address, _)| (start..end).contains(address)).collect();
            for (index, (address, name)) in inside.iter().enumerate() {
                let next = inside.get(index + 1).map_or(end, |(next, _)| *next);
                let code = data[(address - start) as usize..(next - start) as usize].to_vec();
                functions.push(Function { name: name.clone(), address: *address, code });
            }
        }
        Ok(Functions { functions })
    }
}

struct Function {
    name: String,
    address: u64,
    code: Vec<u8>,
}

/// The functions of a program.
pub(crate) struct Functions {
    functions: Vec<Function>,
}

/// What a function does with the stack.
struct Frame {
    /// Bytes below the return address.
    size: u64,
    /// Functions that it calls with its frame standing.
    calls: Vec<u64>,
    /// Functions that it ends by jumping to, its frame gone.
    tails: Vec<u64>,
}

impl Functions {
    /// The most stack that a function can take, with all that it calls within the program, each with its
    /// return address; and the chain of calls that takes it. What it calls elsewhere is not counted, nor
    /// are functions whose names satisfy `is_left_out`.
    ///
    /// # Errors
    /// When there is not exactly one function of this name, or one calls itself.
    pub(crate) fn stack(&self, name: &str, is_left_out: impl Fn(&str) -> bool) -> Result<(u64, Vec<String>)> {
        let mut roots = self.functions.iter().filter(|function| function.name == name);
        let (Some(root), None) = (roots.next(), roots.next()) else {
            let names: Vec<&str> = self.functions.iter().map(|function| function.name.as_str()).collect();
            bail!("there is not exactly one function {name} among {}", names.join(", "));
        };
        let by_address: HashMap<u64, &Function> =
            self.functions.iter().map(|function| (function.address, function)).collect();
        let mut stack = Stack { by_address, is_left_out: &is_left_out, known: HashMap::new(), open: Vec::new() };
        stack.of(root)
    }
}

struct Stack<'a> {
    by_address: HashMap<u64, &'a Function>,
    is_left_out: &'a dyn Fn(&str) -> bool,
    known: HashMap<u64, (u64, Vec<String>)>,
    open: Vec<u64>,
}

impl Stack<'_> {
    fn of(&mut self, function: &Function) -> Result<(u64, Vec<String>)> {
        const RETURN_ADDRESS: u64 = 8;
        if let Some(known) = self.known.get(&function.address) {
            return Ok(known.clone());
        }
        ensure!(!self.open.contains(&function.address), "{} calls itself", function.name);
        self.open.push(function.address);
        let frame = frame(function);
        let mut deepest = (RETURN_ADDRESS + frame.size, Vec::new());
        let calls = frame.calls.iter().map(|&callee| (callee, RETURN_ADDRESS + frame.size));
        // A function that is jumped to takes over the return address.
        let tails = frame.tails.iter().map(|&callee| (callee, 0));
        for (callee, below) in calls.chain(tails) {
            let Some(&callee) = self.by_address.get(&callee).filter(|callee| !(self.is_left_out)(&callee.name)) else {
                continue;
            };
            let (size, chain) = self.of(callee)?;
            if below + size > deepest.0 {
                deepest = (below + size, chain);
            }
        }
        self.open.pop();
        deepest.1.insert(0, format!("{} ({})", function.name, frame.size));
        self.known.insert(function.address, deepest.clone());
        Ok(deepest)
    }
}

/// Reads a function's code. Compilers make a frame once, at the beginning, and take it down before each
/// return, so all that is pushed and subtracted is the frame, wherever it stands.
fn frame(function: &Function) -> Frame {
    let own = function.address..function.address + function.code.len() as u64;
    let mut decoder = Decoder::with_ip(64, &function.code, function.address, DecoderOptions::NONE);
    let mut frame = Frame { size: 0, calls: Vec::new(), tails: Vec::new() };
    let mut is_taken_down = false;
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        match instruction.mnemonic() {
            Mnemonic::Push => frame.size += 8,
            Mnemonic::Sub if instruction.op0_register() == Register::RSP && is_immediate(&instruction) => {
                frame.size += instruction.immediate(1);
            }
            _ => {}
        }
        match instruction.flow_control() {
            FlowControl::Call if instruction.code() == Code::Call_rel32_64 => {
                frame.calls.push(instruction.near_branch_target());
            }
            FlowControl::UnconditionalBranch | FlowControl::ConditionalBranch => {
                let target = instruction.near_branch_target();
                if !own.contains(&target) {
                    let list = if is_taken_down || frame.size == 0 { &mut frame.tails } else { &mut frame.calls };
                    list.push(target);
                }
            }
            _ => {}
        }
        is_taken_down = match instruction.mnemonic() {
            Mnemonic::Pop => true,
            Mnemonic::Add => instruction.op0_register() == Register::RSP,
            _ => false,
        };
    }
    frame
}

fn is_immediate(instruction: &Instruction) -> bool {
    matches!(instruction.op1_kind(), OpKind::Immediate8to64 | OpKind::Immediate32to64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Functions that follow one another in memory, from address 0 on.
    fn functions(codes: &[(&str, &[u8])]) -> Functions {
        let mut address = 0;
        let functions = codes.iter().map(|(name, code)| {
            let function = Function { name: (*name).into(), address, code: code.to_vec() };
            address += code.len() as u64;
            function
        });
        Functions { functions: functions.collect() }
    }

    /// `push rbx; sub rsp, 0x20; call +next; add rsp, 0x20; pop rbx; ret`
    const CALLS_NEXT: &[u8] = &[0x53, 0x48, 0x83, 0xEC, 0x20, 0xE8, 6, 0, 0, 0, 0x48, 0x83, 0xC4, 0x20, 0x5B, 0xC3];
    /// `sub rsp, 0x100; call [rax]; add rsp, 0x100; ret`
    const LEAF: &[u8] = &[0x48, 0x81, 0xEC, 0, 1, 0, 0, 0xFF, 0x10, 0x48, 0x81, 0xC4, 0, 1, 0, 0, 0xC3];
    /// `push rbx; pop rbx; jmp +0`
    const JUMPS_TO_NEXT: &[u8] = &[0x53, 0x5B, 0xE9, 0, 0, 0, 0];

    #[test]
    fn frames_and_return_addresses_add_up() {
        let functions = functions(&[("one", CALLS_NEXT), ("leaf", LEAF)]);
        let (size, chain) = functions.stack("one", |_| false).expect("readable");
        assert_eq!(size, 8 + 8 + 0x20 + 8 + 0x100);
        assert_eq!(chain, ["one (40)", "leaf (256)"]);
    }

    #[test]
    fn a_jump_at_the_end_leaves_no_frame_behind() {
        let functions = functions(&[("jumps", JUMPS_TO_NEXT), ("leaf", LEAF)]);
        assert_eq!(functions.stack("jumps", |_| false).expect("readable").0, 8 + 0x100);
    }

    #[test]
    fn what_is_left_out_does_not_count() {
        let functions = functions(&[("one", CALLS_NEXT), ("leaf", LEAF)]);
        assert_eq!(functions.stack("one", |name| name == "leaf").expect("readable").0, 8 + 8 + 0x20);
    }

    #[test]
    fn recursion_and_missing_functions_are_errors() {
        // `call -5`, back to itself
        let functions = functions(&[("again", &[0xE8, 0xFB, 0xFF, 0xFF, 0xFF, 0xC3])]);
        assert!(functions.stack("again", |_| false).is_err());
        assert!(functions.stack("nobody", |_| false).is_err());
    }
}
