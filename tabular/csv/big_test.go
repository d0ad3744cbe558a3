package csv
import ("testing";"os";"time";"fmt";"context";"bytes";"syscall"
"github.com/constl/constl/tabular"
"github.com/constl/constl/object/mem")
func cpu() time.Duration { var r syscall.Rusage; syscall.Getrusage(0,&r); return time.Duration(r.Utime.Nano()+r.Stime.Nano()) }
func TestBig(t *testing.T){
 path:=os.Getenv("BIG"); if path=="" {t.Skip()}
 for range 3 {
 f,_:=os.Open(path); st,_:=f.Stat()
 t0,c0:=time.Now(),cpu()
 s,_:=NewScanner(f,"x.csv"); s.Scan(context.Background(),0,func(r tabular.Rows) error {s.Recycle(r);return nil}); f.Close()
 d:=time.Since(t0); fmt.Printf("scan %v cpu %v %.0f MB/s\n",d,cpu()-c0,float64(st.Size())/d.Seconds()/1e6)
 f,_=os.Open(path)
 store:=mem.New()
 t0,c0=time.Now(),cpu()
 res,err:=Read(context.Background(),store,f,nil); f.Close()
 d=time.Since(t0); fmt.Printf("read %v cpu %v %.0f MB/s %v\n",d,cpu()-c0,float64(st.Size())/d.Seconds()/1e6,err)
 tab,_:=tabular.Open(context.Background(),store,res.Table)
 t0,c0=time.Now(),cpu()
 w:=&countingWriter{w:&nullW{}}
 err=Write(context.Background(),w,tab,nil)
 d=time.Since(t0); fmt.Printf("write %v cpu %v %.0f MB/s %v %v\n",d,cpu()-c0,float64(st.Size())/d.Seconds()/1e6,err,w.n==st.Size())
 }
 var r syscall.Rusage; syscall.Getrusage(0,&r); fmt.Println("maxrss MB",r.Maxrss/1024)
 _=bytes.Equal
}
type nullW struct{}
func (nullW) Write(p []byte)(int,error){return len(p),nil}
