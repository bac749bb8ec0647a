@echo off
rem Tries ntpark on this Windows, XP or later: runs the programs beside this file on each backend that there is, and
rem writes report.txt, to paste into an issue. Takes about half an hour. Installs nothing; ends a program that hangs.
rem With the word "quick", a short round of few programs.
setlocal
pushd "%~dp0"
set passed=0
set failed=0
set stress=20
set deps=*
if "%1"=="quick" set stress=1
if "%1"=="quick" set deps=t*
set std=yes
set run=x86\run.exe
if "%PROCESSOR_ARCHITECTURE%"=="AMD64" set run=x64\run.exe
%run%
if errorlevel 1 set std=
ver > report.txt
>> report.txt reg query "HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion" /v CSDVersion 2> nul
>> report.txt set PROCESSOR_
>> report.txt set NUMBER_OF_PROCESSORS
type report.txt
for %%w in (x86 x64 arm64) do call :width %%w
>> report.txt echo passed %passed%, failed %failed%
echo passed %passed%, failed %failed%
echo Please paste report.txt into an issue, with the form "Real Windows" of ntpark's repository.
popd
if not %failed%==0 exit /b 1
if %passed%==0 exit /b 1
exit /b 0

:width
set NTPARK_BACKEND=
call :run 60 %1\no_crt.exe
if errorlevel 2 goto :eof
if %1==arm64 goto :eof
for %%b in (wait-address keyed-event keyed-event-null polling) do call :backend %1 %%b
set NTPARK_BACKEND=
call :run 60 %1\handoff.exe
type output.txt >> report.txt
if not defined std goto :eof
call :run 120 %1\probe.exe
type output.txt >> report.txt
goto :eof

:backend
set NTPARK_BACKEND=%2
call :run 600 %1\suite.exe
if errorlevel 2 goto :eof
if not defined std goto :eof
for %%p in (%1\deps\%deps%.exe) do call :run 300 %%p
call :run 150 %1\stress.exe --backend %2 --seconds %stress%
if %2==polling goto :eof
call :run 900 %1\ntpark-bench.exe --backend %2 --quick --work token --work handoff
type output.txt >> report.txt
goto :eof

:run
echo %NTPARK_BACKEND% %*
%run% %* >> report.txt 2> output.txt
if errorlevel 2 exit /b 2
if errorlevel 1 goto failed
set /a passed=passed+1
exit /b 0
:failed
set /a failed=failed+1
type output.txt >> report.txt
exit /b 1
